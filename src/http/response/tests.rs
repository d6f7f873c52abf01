//! The rules of reading a response, each as a table.

use super::*;

/// What a reader says of `bytes`, given at once: the response and the bytes left over.
fn read(bytes: &[u8]) -> Result<(Response, usize), HttpError> {
    read_for(bytes, false)
}

fn read_for(bytes: &[u8], head_only: bool) -> Result<(Response, usize), HttpError> {
    let mut reader = ResponseReader::new();
    reader.begin(head_only);
    match reader.push(bytes)? {
        (used, Progress::Complete(response)) => Ok((response, bytes.len() - used)),
        (used, Progress::NeedMore) => {
            assert_eq!(used, bytes.len());
            Ok((reader.end(true).expect("complete with close_notify"), 0))
        }
    }
}

fn response(status: u16, reusable: bool, body_bytes: u64) -> Response {
    Response { status, reusable, body_bytes }
}

#[test]
fn a_reader_is_small() {
    assert!(size_of::<ResponseReader>() <= 128, "{}", size_of::<ResponseReader>());
}

#[test]
fn the_framing_decides_where_a_response_ends() {
    let table: [(&str, Response, usize); 16] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP", response(200, true, 5), 4),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nx", response(200, true, 0), 1),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\nab", response(200, true, 2), 0),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2, 02 ,2\r\n\r\nab", response(200, true, 2), 0),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\nx", response(200, true, 2), 1),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n0\r\n\r\n", response(200, true, 0), 0),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\ntransfer-encoding: ,chunked,\r\n\r\n0\r\n\r\n",
            response(200, true, 0),
            0,
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n", response(200, false, 5), 0),
        ("HTTP/1.1 200 OK\r\n\r\nuntil the end", response(200, false, 13), 0),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", response(204, true, 0), 5),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nHTTP/1.1", response(304, true, 0), 8),
        ("HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n", response(205, true, 0), 0),
        ("HTTP/1.1 404 \r\nContent-Length: 1\r\n\r\nx", response(404, true, 1), 0),
        ("HTTP/1.1 999\r\nContent-Length: 1\r\n\r\nx", response(999, true, 1), 0),
        ("\r\nHTTP/1.1 200 OK\nContent-Length: 1\n\nx", response(200, true, 1), 0),
        ("HTTP/1.1 200 \u{fc}\r\nX: \u{e9}\r\nContent-Length: 1\r\n\r\nx", response(200, true, 1), 0),
    ];
    for (bytes, expected, left) in table {
        assert_eq!(read(bytes.as_bytes()), Ok((expected, left)), "{bytes:?}");
    }
}

#[test]
fn head_has_no_content() {
    for framing in ["Content-Length: 5", "Transfer-Encoding: chunked", "X: y", "Content-Length: 1\r\nContent-Length: 2"]
    {
        let bytes = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\nnext");
        assert_eq!(read_for(bytes.as_bytes(), true), Ok((response(200, true, 0), 4)), "{framing}");
    }
}

#[test]
fn the_version_and_connection_decide_on_reuse() {
    let table = [
        ("HTTP/1.1", "X: y", true),
        ("HTTP/1.1", "Connection: keep-alive", true),
        ("HTTP/1.1", "Connection: close", false),
        ("HTTP/1.1", "CONNECTION: X-Hop , CLOSE", false),
        ("HTTP/1.1", "Connection: keep-alive\r\nConnection: close", false),
        ("HTTP/1.1", "Connection: closed, not-close", true),
        ("HTTP/1.0", "X: y", false),
        ("HTTP/1.0", "Connection: Keep-Alive", true),
        ("HTTP/1.0", "Connection: keep-alive, close", false),
    ];
    for (version, header, reusable) in table {
        let bytes = format!("{version} 200 OK\r\n{header}\r\nContent-Length: 1\r\n\r\nx");
        assert_eq!(read(bytes.as_bytes()), Ok((response(200, reusable, 1), 0)), "{version} {header}");
    }
}

#[test]
fn malformed_heads_are_refused() {
    let long_number = format!("HTTP/1.1 200 OK\r\nContent-Length: {}0\r\n\r\n", u64::MAX);
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(MAX_HEADERS + 1));
    let table: [(&str, HttpError); 24] = [
        ("SSH-2.0-OpenSSH\r\n", HttpError::Version),
        ("HTTP/2.0 200 OK\r\n\r\n", HttpError::Version),
        ("HTTP/1.2 200 OK\r\n\r\n", HttpError::Version),
        ("HTTP/1.1 20 OK\r\n\r\n", HttpError::StatusLine),
        ("HTTP/1.1 2000 OK\r\n\r\n", HttpError::StatusLine),
        ("HTTP/1.1 099 Low\r\n\r\n", HttpError::StatusLine),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", HttpError::Header),
        ("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", HttpError::Header),
        ("HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n", HttpError::Header),
        ("HTTP/1.1 200 OK\r\nA: \0\r\n\r\n", HttpError::Header),
        (&many, HttpError::TooManyHeaders),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", HttpError::Upgrade),
        ("HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n", HttpError::ContentLength),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1,\r\n\r\n", HttpError::ContentLength),
        ("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", HttpError::ContentLength),
        (&long_number, HttpError::ContentLength),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n", HttpError::LengthsDiffer),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", HttpError::LengthsDiffer),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", HttpError::LengthAndEncoding),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", HttpError::TransferEncoding),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked;q=1\r\n\r\n", HttpError::TransferEncoding),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: x;q=\",chunked\r\n\r\n", HttpError::TransferEncoding),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: ,\r\n\r\n", HttpError::TransferEncoding),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", HttpError::EncodingInHttp10),
    ];
    for (bytes, error) in table {
        assert_eq!(read(bytes.as_bytes()), Err(error), "{bytes:?}");
    }
}

#[test]
fn the_most_headers_and_the_largest_lengths_are_read() {
    let many = format!("HTTP/1.1 204 No\r\n{}\r\n", "A: b\r\n".repeat(MAX_HEADERS));
    assert_eq!(read(many.as_bytes()), Ok((response(204, true, 0), 0)));

    let mut reader = ResponseReader::new();
    reader.begin(false);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\nxyz", u64::MAX);
    assert_eq!(reader.push(head.as_bytes()), Ok((head.len(), Progress::NeedMore)));
    assert_eq!(reader.end(true), Err(EndError::Truncated));
}

#[test]
fn interim_responses_are_passed_over() {
    let continues = "HTTP/1.1 100 Continue\r\nContent-Length: 9\r\nConnection: close\r\n\r\n";
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n";
    let last = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy";
    assert_eq!(read(format!("{continues}{hints}{last}").as_bytes()), Ok((response(200, true, 1), 1)));

    let most = usize::from(MAX_INTERIM);
    assert_eq!(read((hints.repeat(most) + last).as_bytes()), Ok((response(200, true, 1), 1)));
    assert_eq!(read((hints.repeat(most + 1) + last).as_bytes()), Err(HttpError::TooManyInterim));
}

#[test]
fn heads_are_bounded_however_they_come() {
    let head = |len: usize| {
        let (start, end) = ("HTTP/1.1 204 No\r\nX: ", "\r\n\r\n");
        [start.as_bytes(), vec![b'x'; len - start.len() - end.len()].as_slice(), end.as_bytes()].concat()
    };
    for piece in [1000, 60_000, usize::MAX] {
        let push_all = |bytes: &[u8]| {
            let mut reader = ResponseReader::new();
            reader.begin(false);
            bytes.chunks(piece).map(|part| reader.push(part)).find(|r| !matches!(r, Ok((_, Progress::NeedMore))))
        };
        let complete = push_all(&head(MAX_HEAD_BYTES)).map(|r| r.map(|(_, progress)| progress));
        assert_eq!(complete, Some(Ok(Progress::Complete(response(204, true, 0)))), "{piece}");
        assert_eq!(push_all(&head(MAX_HEAD_BYTES + 1)), Some(Err(HttpError::HeadTooLarge)), "{piece}");
        assert_eq!(push_all(&vec![b'\n'; 100_000]), Some(Err(HttpError::HeadTooLarge)), "{piece}");
    }
}

#[test]
fn the_end_of_the_stream_is_judged_by_what_came() {
    let (nothing, truncated) = (EndError::NothingReceived, EndError::Truncated);
    let table = [
        ("", Err(nothing), Err(nothing)),
        ("H", Err(truncated), Err(truncated)),
        ("\n", Err(truncated), Err(truncated)),
        ("HTTP/1.1 100 Continue\r\n\r\n", Err(truncated), Err(truncated)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx", Err(truncated), Err(truncated)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", Err(truncated), Err(truncated)),
        ("HTTP/1.1 200 OK\r\n\r\n", Ok(response(200, false, 0)), Err(truncated)),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nx", Ok(response(200, false, 1)), Err(truncated)),
    ];
    for (bytes, clean, abrupt) in table {
        for (is_clean, expected) in [(true, clean), (false, abrupt)] {
            let mut reader = ResponseReader::new();
            reader.begin(false);
            assert_eq!(reader.push(bytes.as_bytes()), Ok((bytes.len(), Progress::NeedMore)));
            assert_eq!(reader.end(is_clean), expected, "{bytes:?}, clean: {is_clean}");
        }
    }
}

#[test]
fn bytes_that_were_not_asked_for_are_an_error() {
    let mut reader = ResponseReader::new();
    assert_eq!(reader.push(b""), Ok((0, Progress::NeedMore)));
    assert_eq!(reader.push(b"H"), Err(HttpError::Unasked));
    reader.begin(false);
    let complete = Progress::Complete(response(204, true, 0));
    assert_eq!(reader.push(b"HTTP/1.1 204 No\r\n\r\nH"), Ok((19, complete)));
    assert_eq!(reader.push(b"H"), Err(HttpError::Unasked));
}

#[test]
fn an_error_stays_until_the_next_response() {
    let mut reader = ResponseReader::new();
    reader.begin(false);
    assert_eq!(reader.push(b"x"), Err(HttpError::Version));
    assert_eq!(reader.push(b"HTTP/1.1 204 No\r\n\r\n"), Err(HttpError::Version));
    assert_eq!(reader.end(true), Err(EndError::Truncated));
    reader.begin(false);
    assert_eq!(reader.end(true), Err(EndError::NothingReceived));
}

#[test]
fn a_reader_carries_nothing_over() {
    let mut reader = ResponseReader::new();
    for (part, head_only) in [("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", false), ("HTTP/1.1 20", true)] {
        reader.begin(head_only);
        assert!(reader.push(part.as_bytes()).is_ok());
        reader.begin(false);
        let bytes = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(reader.push(bytes), Ok((bytes.len(), Progress::Complete(response(201, true, 2)))));
    }
}

#[test]
fn a_split_head_leaves_a_buffer_of_its_size() {
    let mut reader = ResponseReader::new();
    let body = vec![0; 1 << 20];
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let (first, second) = head.as_bytes().split_at(20);
    for _ in 0..3 {
        reader.begin(false);
        assert_eq!(reader.push(first), Ok((20, Progress::NeedMore)));
        let rest = [second, &body].concat();
        let complete = Progress::Complete(response(200, true, body.len() as u64));
        assert_eq!(reader.push(&rest), Ok((rest.len(), complete)));
        assert!(reader.head.capacity() <= 4096, "{}", reader.head.capacity());
    }
}
