//! The request that is sent, and what counts as success.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::target::HttpsUrl;

/// The statuses that count as success: classes (`2xx`) and single codes (`304`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExpectStatus {
    /// Closed ranges of codes.
    ranges: Vec<(u16, u16)>,
}

impl ExpectStatus {
    /// Whether `status` counts as success.
    pub fn accepts(&self, status: u16) -> bool {
        self.ranges.iter().any(|(low, high)| (*low..=*high).contains(&status))
    }
}

impl Default for ExpectStatus {
    fn default() -> Self {
        Self { ranges: vec![(200, 299)] }
    }
}

impl FromStr for ExpectStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = |part: &str| {
            let part = part.trim();
            if let Some(class) = part.strip_suffix("xx") {
                let class: u16 = class.parse().ok().filter(|c| (2..=5).contains(c))?;
                return Some((class * 100, class * 100 + 99));
            }
            part.parse().ok().filter(|code| (200..=599).contains(code)).map(|code| (code, code))
        };
        let ranges = text
            .split(',')
            .map(|part| {
                parse(part)
                    .ok_or_else(|| format!("'{}' is not a final status or class such as 200, 2xx or 304", part.trim()))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { ranges })
    }
}

impl fmt::Display for ExpectStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (low, high)) in self.ranges.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            if high > low { write!(f, "{comma}{}xx", low / 100)? } else { write!(f, "{comma}{low}")? }
        }
        Ok(())
    }
}

impl TryFrom<String> for ExpectStatus {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ExpectStatus> for String {
    fn from(expect: ExpectStatus) -> Self {
        expect.to_string()
    }
}

/// A header as given with `--header 'Name: value'`: a token, and visible characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The field's name.
    pub name: String,
    /// The field's value, trimmed.
    pub value: String,
}

impl FromStr for Header {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) =
            text.split_once(':').ok_or_else(|| format!("'{text}' is not a header; write it as 'Name: value'"))?;
        if !is_token(name) {
            return Err(format!("'{name}' is not a header name: letters, digits and !#$%&'*+-.^_`|~ only"));
        }
        if value.chars().any(char::is_control) {
            return Err(format!("the value of header '{name}' holds a control character"));
        }
        let framing = ["content-length", "transfer-encoding", "connection", "expect", "upgrade"];
        if framing.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(format!(
                "header '{name}' is written by shakedown itself, from --body, --body-size and --requests-per-connection"
            ));
        }
        Ok(Self { name: name.to_owned(), value: value.trim().to_owned() })
    }
}

/// A method: a token, in capitals as given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Method(String);

impl Method {
    /// The method as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `GET`.
    pub fn get() -> Self {
        Self("GET".to_owned())
    }

    /// `POST`.
    pub fn post() -> Self {
        Self("POST".to_owned())
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "CONNECT" => Err("CONNECT asks for a tunnel, which cannot be measured as a request".to_owned()),
            _ if is_token(text) => Ok(Self(text.to_owned())),
            _ => Err(format!("'{text}' is not a method such as GET, HEAD or POST")),
        }
    }
}

/// A token of RFC 9110, 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// The request, complete but for the framing that the encoder adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestPlan {
    /// The method.
    pub method: Method,
    /// Path and query, as in the URL; starts with `/`.
    pub path: String,
    /// The `Host` header's value.
    pub host: String,
    /// Further headers.
    pub headers: Vec<Header>,
    /// The body's length; `None` sends neither a body nor a content-length.
    pub body_bytes: Option<u64>,
    /// What counts as success.
    pub expect_status: ExpectStatus,
    /// The body itself, `body_bytes` long: shared by all workers, and not part of a document.
    #[serde(skip)]
    pub body: std::sync::Arc<[u8]>,
}

impl RequestPlan {
    /// `GET` of what `url` names, with no header of the user's, and 2xx as success.
    pub fn get(url: &HttpsUrl) -> Self {
        Self {
            method: Method::get(),
            path: url.path.clone(),
            host: url.authority.clone(),
            headers: Vec::new(),
            body_bytes: None,
            expect_status: ExpectStatus::default(),
            body: Vec::new().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_classes_and_codes() {
        let expect: ExpectStatus = "2xx,304".parse().unwrap();
        assert!(expect.accepts(204) && expect.accepts(304) && !expect.accepts(404));
        assert_eq!(expect.to_string(), "2xx,304");
        for text in ["", "1xx", "20x", "600", "ok"] {
            assert!(text.parse::<ExpectStatus>().is_err(), "{text}");
        }
    }

    #[test]
    fn headers_cannot_smuggle() {
        assert_eq!("X-Key:  v ".parse::<Header>().unwrap().value, "v");
        for text in ["no colon", "bad name: v", "X: a\r\nY: b", "Content-Length: 5", ": v"] {
            assert!(text.parse::<Header>().is_err(), "{text}");
        }
        assert!("GE T".parse::<Method>().is_err() && "CONNECT".parse::<Method>().is_err());
    }
}
