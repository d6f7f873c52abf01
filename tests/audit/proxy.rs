//! A TCP proxy that reads the ClientHello of each connection and then does as the test says.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::common::server::wait_for_the_end;
use super::hello::Hello;

/// What becomes of a connection.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    /// It goes to the server, and all that either says is passed on.
    Forward,
    /// The same, but where it refuses with an alert this comes instead.
    ForwardUnlessRefused(Box<Deed>),
    /// The same, with the server at this port.
    ForwardTo(u16),
    /// As `Forward`, but the server never sees more than so many of the suites that are offered.
    ForwardFirst(usize),
    /// These bytes, and the end.
    Say(Vec<u8>),
    /// These bytes, and then nothing more.
    SayAndHang(Vec<u8>),
    /// These bytes, one at a time and slowly, for ever.
    Trickle(Vec<u8>),
    /// A TCP reset.
    Reset,
    /// The end, in order.
    Close,
    /// Nothing, until the client goes.
    Hang,
}

type Judge = Box<dyn Fn(&Hello) -> Deed + Send + Sync>;

/// The proxy; its threads end with the test's process.
pub(crate) struct Proxy {
    port: u16,
}

impl Proxy {
    /// In front of 127.0.0.1:`backend`, doing to each connection what `judge` says.
    pub(crate) fn start(backend: u16, judge: impl Fn(&Hello) -> Deed + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let judge: Arc<Judge> = Arc::new(Box::new(judge));
        thread::spawn(move || {
            for (nth, client) in listener.incoming().enumerate() {
                let (Ok(client), judge) = (client, Arc::clone(&judge)) else { continue };
                thread::spawn(move || {
                    // A client that goes away is no fault of the proxy's.
                    let _ = serve(nth, client, backend, &judge);
                });
            }
        });
        Self { port }
    }

    /// The URL of what stands behind it, as it were.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}/", self.port)
    }
}

fn serve(nth: usize, mut client: TcpStream, backend: u16, judge: &Judge) -> io::Result<()> {
    client.set_nodelay(true)?;
    let record = read_record(&mut client)?;
    let Some(hello) = Hello::parse(nth, &record) else { return Err(io::ErrorKind::InvalidData.into()) };
    act(judge(&hello), client, backend, &record)
}

fn act(deed: Deed, mut client: TcpStream, backend: u16, record: &[u8]) -> io::Result<()> {
    match deed {
        Deed::Forward => forward(client, backend, record, None),
        Deed::ForwardUnlessRefused(instead) => forward(client, backend, record, Some(*instead)),
        Deed::ForwardTo(other) => forward(client, other, record, None),
        Deed::ForwardFirst(most) => forward(client, backend, &Hello::shortened(record, most), None),
        Deed::Say(bytes) => {
            client.write_all(&bytes)?;
            end(client)
        }
        Deed::SayAndHang(bytes) => {
            client.write_all(&bytes)?;
            wait_for_the_end(&mut client)
        }
        Deed::Trickle(bytes) => {
            for byte in bytes.into_iter().cycle() {
                client.write_all(&[byte])?;
                thread::sleep(Duration::from_millis(20));
            }
            Ok(())
        }
        Deed::Reset => rustix::net::sockopt::set_socket_linger(&client, Some(Duration::ZERO)).map_err(Into::into),
        Deed::Close => end(client),
        Deed::Hang => wait_for_the_end(&mut client),
    }
}

/// An end that is no reset, whatever the client has still to say.
fn end(mut client: TcpStream) -> io::Result<()> {
    client.shutdown(Shutdown::Write)?;
    wait_for_the_end(&mut client)
}

fn read_record(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut record = vec![0; 5];
    stream.read_exact(&mut record)?;
    record.resize(5 + usize::from(u16::from_be_bytes([record[3], record[4]])), 0);
    stream.read_exact(&mut record[5..])?;
    Ok(record)
}

fn forward(mut client: TcpStream, backend: u16, record: &[u8], instead: Option<Deed>) -> io::Result<()> {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, backend))?;
    server.set_nodelay(true)?;
    server.write_all(record)?;
    let first = read_record(&mut server)?;
    if let Some(instead) = instead.filter(|_| first[0] == 21) {
        return act(instead, client, backend, record);
    }
    client.write_all(&first)?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let copied = io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Write);
    copied.map(|_| ())
}
