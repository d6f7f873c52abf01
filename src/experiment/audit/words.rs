//! What a prober saw, in words.

use crate::model::survey::{Place, Trouble};
use crate::tls::failure::alert_name;

/// Where something was seen: the address, and the server name where it matters.
pub(super) fn place(at: &Place) -> String {
    match &at.sni {
        Some(name) => format!("{} as {name}", at.address),
        None => format!("{} without SNI", at.address),
    }
}

/// `items` separated by commas; from `most` on, how many more there are.
pub(super) fn list<T: ToString>(items: impl Iterator<Item = T>, most: usize) -> String {
    let mut items: Vec<String> = items.map(|item| item.to_string()).collect();
    if items.len() > most {
        let more = items.len() - most;
        items.truncate(most);
        items.push(format!("and {more} more"));
    }
    items.join(", ")
}

/// Why there is no answer.
pub(super) fn trouble(why: &Trouble) -> String {
    match why {
        Trouble::Timeout => "no answer in time".to_owned(),
        Trouble::Reset => "the connection was reset or cut short".to_owned(),
        Trouble::Closed => "the connection was closed without a word, which is not how the server refuses".to_owned(),
        Trouble::Alert(code) => format!("alert {}, which is not how the server refuses", alert_name(*code)),
        Trouble::TooLong(bytes) => format!("the server does not take hellos of {bytes} bytes"),
        Trouble::Connect(error) => format!("no connection: {error}"),
        Trouble::Throttled => {
            "the server no longer answered what it had accepted before: it throttles, or is gone".to_owned()
        }
        Trouble::Garbage(what) => format!("the answer is not TLS: {what}"),
        Trouble::Unoffered(what) => format!("the server chose what was not offered: {what}"),
        Trouble::Budget => "the time or the connections that the audit may use were spent".to_owned(),
        Trouble::Interrupted => "interrupted".to_owned(),
    }
}
