//! An endpoint held against a policy.

mod remedy;
mod suites;
#[cfg(test)]
mod tests;
mod words;
