//! A request as the bytes on the wire, made once before the run and then only read.

use std::sync::Arc;

use crate::model::request::RequestPlan;

/// The most plaintext that one TLS record carries, in bytes (RFC 8446, 5.1).
const RECORD_BYTES: usize = 16 * 1024;

/// A request, encoded: shared by all connections that send it, and never changed.
///
/// The bytes are in two pieces. The first is one TLS record at most, unless the head alone is longer: the head, and
/// as much of the body as still fits. The second is the rest of the plan's body, which is shared and not copied.
#[derive(Debug, Clone)]
pub struct EncodedRequest {
    /// The head, then the first `joined` bytes of the body.
    front: Vec<u8>,
    body: Arc<[u8]>,
    /// How many bytes of the body are in `front`.
    joined: usize,
    head_only: bool,
}

impl EncodedRequest {
    /// The request's length on the wire, in bytes: head and body.
    pub fn total_len(&self) -> usize {
        self.front.len() + self.body.len() - self.joined
    }

    /// What to send after `sent` bytes have been: the rest of one of the two pieces. Empty only when all were sent.
    pub fn remaining(&self, sent: usize) -> &[u8] {
        match self.front.get(sent..) {
            Some(rest) if !rest.is_empty() => rest,
            _ => self.body.get(self.joined + (sent - self.front.len())..).unwrap_or_default(),
        }
    }

    /// Whether this is a HEAD request, as [`ResponseReader::begin`](super::response::ResponseReader::begin) asks.
    pub fn head_only(&self) -> bool {
        self.head_only
    }
}

/// Encodes `plan`; `last`: it is the last request planned on its connection, and says so with `Connection: close`.
///
/// `Host` comes first: the last one among the plan's headers, or the plan's host. `User-Agent: shakedown/<version>` and
/// `Accept: */*` are added unless the plan's headers have them. `Content-Length` is there where the plan has a body,
/// even an empty one.
///
/// # Panics
///
/// If the plan's body is not as long as it says: the server would wait for what never comes, or take the surplus for
/// a second request.
pub fn encode(plan: &RequestPlan, last: bool) -> EncodedRequest {
    let length = plan.body.len() as u64;
    assert_eq!(length, plan.body_bytes.unwrap_or(0), "the request's body is not as long as planned");

    let given = |name: &str| plan.headers.iter().rev().find(|header| header.name.eq_ignore_ascii_case(name));
    let mut front = Vec::with_capacity(1024);
    line(&mut front, &[plan.method.as_str(), " ", &plan.path, " HTTP/1.1"]);
    line(&mut front, &["Host: ", given("host").map_or(&plan.host, |header| &header.value)]);
    if given("user-agent").is_none() {
        line(&mut front, &["User-Agent: shakedown/", env!("CARGO_PKG_VERSION")]);
    }
    if given("accept").is_none() {
        line(&mut front, &["Accept: */*"]);
    }
    for header in plan.headers.iter().filter(|header| !header.name.eq_ignore_ascii_case("host")) {
        line(&mut front, &[&header.name, ": ", &header.value]);
    }
    if plan.body_bytes.is_some() {
        line(&mut front, &["Content-Length: ", &length.to_string()]);
    }
    if last {
        line(&mut front, &["Connection: close"]);
    }
    line(&mut front, &[]);

    let joined = RECORD_BYTES.saturating_sub(front.len()).min(plan.body.len());
    front.extend_from_slice(&plan.body[..joined]);
    EncodedRequest { front, body: Arc::clone(&plan.body), joined, head_only: plan.method.as_str() == "HEAD" }
}

/// Appends one line of the head.
fn line(head: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        head.extend_from_slice(part.as_bytes());
    }
    head.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::request::{ExpectStatus, Method};

    fn plan(method: &str, headers: &[&str], body: Option<usize>) -> RequestPlan {
        RequestPlan {
            method: method.parse().unwrap(),
            path: "/a?b=c".to_owned(),
            host: "example.org:8443".to_owned(),
            headers: headers.iter().map(|text| text.parse().unwrap()).collect(),
            body_bytes: body.map(|n| n as u64),
            expect_status: ExpectStatus::default(),
            body: (0..body.unwrap_or(0)).map(|i| (i % 251) as u8).collect(),
        }
    }

    /// The bytes in the order in which they are sent, with the number of pieces.
    fn sent(request: &EncodedRequest) -> (Vec<u8>, usize) {
        let (mut bytes, mut pieces) = (Vec::new(), 0);
        while !request.remaining(bytes.len()).is_empty() {
            bytes.extend_from_slice(request.remaining(bytes.len()));
            pieces += 1;
        }
        assert_eq!(bytes.len(), request.total_len());
        (bytes, pieces)
    }

    fn text(plan: &RequestPlan, last: bool) -> String {
        String::from_utf8(sent(&encode(plan, last)).0).unwrap()
    }

    #[test]
    fn a_plain_request() {
        let agent = concat!("shakedown/", env!("CARGO_PKG_VERSION"));
        let expected =
            format!("GET /a?b=c HTTP/1.1\r\nHost: example.org:8443\r\nUser-Agent: {agent}\r\nAccept: */*\r\n\r\n");
        assert_eq!(text(&plan("GET", &[], None), false), expected);
        let closing = expected.replace("*/*\r\n", "*/*\r\nConnection: close\r\n");
        assert_eq!(text(&plan("GET", &[], None), true), closing);
    }

    #[test]
    fn headers_of_the_user_replace_ours() {
        let headers = ["X-A: 1", "host: first", "ACCEPT: text/html", "user-agent:", "X-A: 2", "HOST: other.example"];
        let expected = "GET /a?b=c HTTP/1.1\r\nHost: other.example\r\nX-A: 1\r\nACCEPT: text/html\r\nuser-agent: \r\n\
                        X-A: 2\r\n\r\n";
        assert_eq!(text(&plan("GET", &headers, None), false), expected);
    }

    #[test]
    fn a_body_has_its_length_even_when_empty() {
        assert!(!text(&plan("POST", &[], None), false).contains("Content-Length"));
        assert!(text(&plan("POST", &[], Some(0)), false).ends_with("Content-Length: 0\r\n\r\n"));
        assert!(
            text(&plan("POST", &[], Some(3)), true)
                .ends_with("Content-Length: 3\r\nConnection: close\r\n\r\n\0\x01\x02")
        );
    }

    #[test]
    fn the_first_record_is_filled_and_the_rest_shared() {
        let head = encode(&plan("POST", &[], Some(10_000)), false).total_len() - 10_000;
        for (body, pieces) in [(RECORD_BYTES - head, 1), (RECORD_BYTES - head + 1, 2), (99_999, 2)] {
            let plan = plan("POST", &[], Some(body));
            let request = encode(&plan, false);
            let (bytes, sent_in) = sent(&request);
            assert_eq!((sent_in, &bytes[head..]), (pieces, &plan.body[..]), "{body}");
            assert_eq!(request.front.len(), RECORD_BYTES, "{body}");
            assert!(Arc::ptr_eq(&request.body, &plan.body));
        }
    }

    #[test]
    fn a_head_beyond_a_record_stands_alone() {
        let long = format!("X-Long: {}", "v".repeat(20_000));
        let request = encode(&plan("POST", &[&long], Some(10)), false);
        let (bytes, pieces) = sent(&request);
        assert_eq!((pieces, request.joined), (2, 0));
        assert!(bytes.ends_with(&[7, 8, 9]));
    }

    #[test]
    fn any_offset_gives_the_rest() {
        let request = encode(&plan("POST", &[], Some(40_000)), false);
        let (bytes, _) = sent(&request);
        for offset in (0..bytes.len()).step_by(97).chain([RECORD_BYTES - 1, RECORD_BYTES, bytes.len() - 1]) {
            let rest = request.remaining(offset);
            assert_eq!(rest, &bytes[offset..offset + rest.len()]);
            assert!(!rest.is_empty());
        }
        assert!(request.remaining(bytes.len()).is_empty());
    }

    #[test]
    fn only_head_is_head_only() {
        assert!(encode(&plan("HEAD", &[], None), false).head_only());
        assert!(!encode(&plan("GET", &[], None), false).head_only());
        assert!(!encode(&plan("head", &[], None), false).head_only());
    }

    #[test]
    #[should_panic(expected = "not as long as planned")]
    fn a_body_that_is_missing_is_not_sent() {
        let plan = RequestPlan { method: Method::post(), body: Arc::default(), ..plan("POST", &[], Some(5)) };
        encode(&plan, false);
    }
}
