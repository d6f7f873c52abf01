//! What a user calls a document: a name, and tags to find it by.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A name and tags; in documents only where the user gave any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Label {
    /// The name, from `--name`.
    pub name: Option<String>,
    /// The tags, from `--tag`, in the order in which they were given.
    pub tags: Vec<String>,
}

impl Label {
    /// Whether the user gave neither.
    pub fn is_none(&self) -> bool {
        self.name.is_none() && self.tags.is_empty()
    }
}
