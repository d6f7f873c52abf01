//! What a user asks for: a load run, the trial of all suites, and this processor's cryptography. Each fills a document.

pub mod audit;
pub mod compare;
pub mod crypto;
mod describe;
pub mod run;
pub mod suites;
pub mod trial;
pub mod verdict;
