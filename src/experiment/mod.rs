//! What a user asks for: a load run, the highest load within objectives, the trial of all suites, this processor's cryptography, and what follows from documents. Each fills one.

pub mod audit;
pub mod capacity;
pub mod compare;
pub mod crypto;
mod describe;
mod law;
pub mod plan;
pub mod run;
pub mod suites;
pub mod trial;
pub mod verdict;
