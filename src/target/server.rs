//! The server's life: threads that each own an event loop and a share of the connections, from start to stop.
//!
//! One listener, one thread that accepts (the first, which also serves), and each connection goes to the thread with the fewest
//! open. A listener per thread (`SO_REUSEPORT`) would spare the hand-over, about a microsecond, but spreads few connections
//! unevenly, and an uneven server makes the figures of one run differ from those of the next.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc as blocking;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};

use super::ca::Issued;
use super::connection::{Context, serve};
use super::counters::{Counters, OpenConnection, Report};
use super::{Config, TargetError, listener};

/// The longest that [`Server::stop`] takes; answers that are not out by then are cut off.
pub const STOP_BOUND: Duration = Duration::from_secs(2);
/// Of that, the time for connections to end by themselves; the rest is for the threads to end.
const DRAIN: Duration = Duration::from_millis(1500);
/// How long accepting rests after the system refused, so that a lack of descriptors does not become a busy loop.
const ACCEPT_REST: Duration = Duration::from_millis(5);

/// What a thread is told.
enum Message {
    Serve(std::net::TcpStream, OpenConnection),
    /// Publish the thread's CPU time, then answer.
    PublishCpu(blocking::SyncSender<()>),
    Stop,
}

/// A thread, as seen from outside.
struct Worker {
    messages: mpsc::UnboundedSender<Message>,
    counters: Arc<Counters>,
    thread: JoinHandle<()>,
}

/// The endpoint while it runs. Dropped without [`Server::stop`], it ends by itself within [`STOP_BOUND`].
pub struct Server {
    addr: SocketAddr,
    ca_pem: String,
    started: Instant,
    workers: Vec<Worker>,
}

impl Server {
    /// Makes certificates, binds, starts the threads, and returns once connections are accepted.
    ///
    /// # Errors
    /// Any [`TargetError`]; nothing is left running then.
    pub fn start(config: &Config) -> Result<Self, TargetError> {
        if !(1..=Config::MAX_THREADS).contains(&config.threads) {
            return Err(TargetError::Threads(config.threads));
        }
        let listen_error = |source| TargetError::Listen { addr: config.listen, source };
        let listener = listener::open(config.listen).map_err(listen_error)?;
        let addr = listener.local_addr().map_err(listen_error)?;
        let issued = Issued::new(&config.names())?;
        let ca_pem = issued.ca_pem().to_owned();
        let acceptor = tokio_rustls::TlsAcceptor::from(config.tls(issued)?);

        let mut workers: Vec<Worker> = Vec::with_capacity(config.threads);
        // The first thread needs the others' addresses, so it is started last.
        for index in (1..config.threads).rev() {
            workers.push(spawn(config, index, acceptor.clone(), None)?);
        }
        let others = workers.iter().map(|worker| (worker.messages.clone(), Arc::clone(&worker.counters))).collect();
        workers.push(spawn(config, 0, acceptor, Some((listener, others)))?);
        Ok(Self { addr, ca_pem, started: Instant::now(), workers })
    }

    /// The address listened on, with the port that the system chose where port 0 was asked for.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The certificate of the authority that signed the server's, as PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// What the server saw so far. Each thread is asked for its CPU time, and answers between two of its tasks, so the figure is
    /// exact, and the call takes as long as the busiest thread's turn: microseconds to some milliseconds.
    pub fn counters(&self) -> Report {
        let (done, answers) = blocking::sync_channel(self.workers.len());
        for worker in &self.workers {
            // A thread that has ended has published its last word.
            let _ = worker.messages.send(Message::PublishCpu(done.clone()));
        }
        drop(done);
        // Ends when every thread has answered or has dropped its sender.
        answers.iter().for_each(drop);
        self.report()
    }

    /// Stops accepting, lets answers under way go out, closes the connections and ends the threads, within [`STOP_BOUND`].
    /// The report is final and holds the threads' whole CPU time.
    pub fn stop(mut self) -> Report {
        // The accepting thread first: the others can then get no new connection after they stopped.
        for worker in self.workers.iter().rev() {
            let _ = worker.messages.send(Message::Stop);
        }
        let mut ended = Vec::with_capacity(self.workers.len());
        for worker in self.workers.drain(..) {
            // A panic of a thread shows in what it did not count; the report of the rest is still worth having.
            let _ = worker.thread.join();
            ended.push(worker.counters);
        }
        Report::collect(ended.iter(), self.started.elapsed())
    }

    fn report(&self) -> Report {
        Report::collect(self.workers.iter().map(|worker| &worker.counters), self.started.elapsed())
    }
}

/// The other threads, to which the accepting one hands connections.
type Others = Vec<(mpsc::UnboundedSender<Message>, Arc<Counters>)>;

/// Starts thread number `index` and waits until it runs.
fn spawn(
    config: &Config,
    index: usize,
    acceptor: tokio_rustls::TlsAcceptor,
    accepting: Option<(std::net::TcpListener, Others)>,
) -> Result<Worker, TargetError> {
    let (messages, inbox) = mpsc::unbounded_channel();
    let counters = Arc::new(Counters::default());
    let (ready, started) = blocking::sync_channel(1);
    let core = config.core(index);
    let own = Arc::clone(&counters);
    let body = move || {
        let last_word = PublishOnExit(Arc::clone(&own));
        let set_up = core.map_or(Ok(()), pin).and_then(|()| event_loop(accepting).map_err(TargetError::Thread));
        match set_up {
            Ok((runtime, accepting)) => {
                let _ = ready.send(Ok(()));
                runtime.block_on(run(inbox, own, acceptor, accepting));
                // Connections that outlived the drain are cut off here, inside the time that the thread accounts for.
                drop(runtime);
            }
            Err(error) => drop(ready.send(Err(error))),
        }
        drop(last_word);
    };
    let thread =
        std::thread::Builder::new().name(format!("target-{index}")).spawn(body).map_err(TargetError::Thread)?;
    match started.recv() {
        Ok(Ok(())) => Ok(Worker { messages, counters, thread }),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(TargetError::Thread(io::Error::other("it ended at once"))),
    }
}

/// An event loop of the calling thread, with the listener in it where this is the thread that accepts.
fn event_loop(
    accepting: Option<(std::net::TcpListener, Others)>,
) -> io::Result<(Runtime, Option<(TcpListener, Others)>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let entered = runtime.enter();
    let accepting = match accepting {
        Some((listener, others)) => Some((TcpListener::from_std(listener)?, others)),
        None => None,
    };
    drop(entered);
    Ok((runtime, accepting))
}

fn pin(core: usize) -> Result<(), TargetError> {
    let attempt = || {
        if core >= CpuSet::MAX_CPU {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut cores = CpuSet::new();
        cores.set(core);
        Ok(sched_setaffinity(None, &cores)?)
    };
    attempt().map_err(|source| TargetError::Pin { core, source })
}

/// Publishes the CPU time of the calling thread.
fn publish_cpu(counters: &Counters) {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    // Neither part is ever negative.
    counters.cpu_ns.store(now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs(), Relaxed);
}

/// Publishes the thread's CPU time when it ends, even by a panic.
struct PublishOnExit(Arc<Counters>);

impl Drop for PublishOnExit {
    fn drop(&mut self) {
        publish_cpu(&self.0);
    }
}

/// A thread's work: serves what it is handed, until it is told to stop or nobody is left to tell it.
async fn run(
    mut inbox: mpsc::UnboundedReceiver<Message>,
    counters: Arc<Counters>,
    acceptor: tokio_rustls::TlsAcceptor,
    accepting: Option<(TcpListener, Others)>,
) {
    let (stop, stopping) = watch::channel(false);
    let context = Context { acceptor, http: http1::Builder::new(), counters: Arc::clone(&counters), stopping };
    if let Some((listener, others)) = accepting {
        tokio::spawn(accept(listener, others, context.clone()));
    }
    while let Some(message) = inbox.recv().await {
        match message {
            Message::Serve(stream, open) => {
                if let Ok(stream) = TcpStream::from_std(stream) {
                    tokio::spawn(serve(stream, open, context.clone()));
                }
            }
            Message::PublishCpu(done) => {
                publish_cpu(&counters);
                let _ = done.send(());
            }
            Message::Stop => break,
        }
    }
    drop(inbox);
    let _ = stop.send(true);
    // Each connection holds a receiver: when the last is gone, so are they.
    drop(context);
    let _ = tokio::time::timeout(DRAIN, stop.closed()).await;
}

/// Accepts until the server stops, and hands each connection to the thread with the fewest open.
async fn accept(listener: TcpListener, others: Others, mut context: Context) {
    let mut stopping = context.stopping.clone();
    let accepting = async {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => hand_over(stream, &others, &mut context),
                Err(error) if is_the_peers(&error) => {}
                Err(_) => {
                    context.counters.accept_errors.fetch_add(1, Relaxed);
                    tokio::time::sleep(ACCEPT_REST).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
}

/// Whether accept failed because the connection was gone already, not because the server lacks anything.
fn is_the_peers(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted)
}

fn hand_over(stream: TcpStream, others: &Others, context: &mut Context) {
    let least = others.iter().min_by_key(|(_, counters)| counters.open());
    if let Some((messages, counters)) = least.filter(|(_, counters)| counters.open() < context.counters.open()) {
        // It leaves this thread's event loop and enters the other's. Where that has stopped, or descriptors ran out, it closes.
        let Ok(stream) = stream.into_std() else { return };
        let _ = messages.send(Message::Serve(stream, OpenConnection::new(counters)));
    } else {
        let open = OpenConnection::new(&context.counters);
        drop(tokio::spawn(serve(stream, open, context.clone())));
    }
}
