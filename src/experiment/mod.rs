//! What a user asks for: a load run, and the trial of all suites. Each calls the engine through one function and fills a document.

pub mod compare;
mod describe;
pub mod run;
pub mod suites;
pub mod trial;
pub mod verdict;
