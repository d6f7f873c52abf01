//! `shakedown audit` against servers whose configuration is the truth: nginx, haproxy and OpenSSL, with the suites, versions and
//! certificates that each test gives them, and against servers that misbehave. What it says must be what was configured, and where it
//! cannot know it must not say pass. Everything stays on the loopback interface, and no time is asserted.

mod certificates;
mod command;
#[path = "../common/mod.rs"]
mod common;
mod haproxy;
mod hello;
mod hiding;
mod labels;
mod misbehaviour;
mod names;
mod nginx;
mod openssl;
mod proxy;
mod revocation;
mod scanners;
mod suites;
mod truth;
mod versions;
mod world;
