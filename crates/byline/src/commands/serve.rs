//! `byline serve`: the server, from its first line to its last request.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use actix_web::HttpServer;
use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use domain::Timestamp;
use http::{App, Clock};
use mail::Transport;
use persistence::{imports, newsletters};
use socket2::{SockFilter, SockRef};
use tokio::net::TcpSocket;
use tokio::signal::unix::{SignalKind, signal};

use crate::background::Background;
use crate::config::Settings;
use crate::failure::Failure;
use crate::store::{Create, Store};

/// How long requests and jobs that were begun may go on after SIGTERM.
const DRAIN: Duration = Duration::from_secs(30);
/// How long requests on connections that are open already may take to begin arriving.
const ON_THEIR_WAY: Duration = Duration::from_millis(500);
/// How long the head of a request may take to arrive.
const HEAD: Duration = Duration::from_secs(10);
/// Longer than proxies keep their own idle connections, so that it is they who close them.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// A filter that keeps nothing of a packet: `BPF_RET | BPF_K` of 0 bytes.
const DROP: SockFilter = SockFilter::new(0x06, 0, 0, 0);
/// Connections that the kernel holds for us until they are taken.
const BACKLOG: u32 = 1_024;

/// Serves until SIGTERM or SIGINT.
pub fn run(settings: &Settings) -> Result<(), Failure> {
    // What is wrong with the settings is said before anything is made.
    settings.http(settings.listen)?;
    let mail = || {
        let way = Transport::open(settings.smtp_url.as_deref(), &settings.mail_dir);
        way.map_err(|error| Failure::from(error.to_string()))
    };
    if settings.smtp_url.is_some() {
        mail()?;
    }
    let store = Store::open(settings, Create::Default)?;
    store.db.write_blocking(|conn| {
        newsletters::ensure(conn, Timestamp::now())?;
        // One that was interrupted.
        imports::end(conn)
    })?;
    let transport = mail()?;
    tracing::info!(way = ?transport, "messages leave");
    actix_web::rt::System::new().block_on(serve(settings, store, transport))
}

async fn serve(settings: &Settings, store: Store, transport: Transport) -> Result<(), Failure> {
    let cannot = |what: &'static str| move |error: std::io::Error| Failure::from(format!("cannot {what}: {error}"));
    let listener = listen(settings.listen)?;
    let door = listener.try_clone().map_err(cannot("listen"))?;
    let bound = listener.local_addr().map_err(cannot("listen"))?;
    let config = settings.http(bound)?;
    let greeting = greeting(settings, &config, bound);
    let app = Data::new(App::new(store.db, config, store.secrets, Clock::System)?);

    let server = {
        let app = app.clone();
        HttpServer::new(move || http::application(app.clone()))
            .workers(workers(settings))
            .client_request_timeout(HEAD)
            .keep_alive(KEEP_ALIVE)
            .shutdown_timeout(DRAIN.as_secs())
            .disable_signals()
            .listen(listener)
            .map_err(cannot("listen"))?
            .run()
    };
    let background = Background::start(&app, transport).map_err(cannot("start the background work"))?;
    let mut signals = Signals::new().map_err(cannot("listen for signals"))?;
    crate::print(&greeting);

    let handle = server.handle();
    let running = actix_web::rt::spawn(server);
    signals.next().await;
    tracing::info!("stopping: what was begun is finished; a second signal stops at once");
    let deadline = Instant::now() + DRAIN;
    background.stop();
    tokio::select! {
        () = drain(&app, door, &handle) => {}
        () = signals.next() => return Err(Failure::from("stopped before everything was finished".to_owned())),
    }
    running.await.map_err(domain::Error::from)?.map_err(cannot("serve"))?;
    background.finish(deadline);
    tracing::info!("stopped");
    Ok(())
}

/// Ends without cutting a request. The server closes a connection on which no request has begun, and the kernel resets
/// one that nobody took yet; so nobody is let in for a while, and who came in before gets an answer that says goodbye.
async fn drain(app: &App, door: TcpListener, server: &ServerHandle) {
    app.close_connections();
    // The kernel drops what arrives for the door: a client that knocks hears nothing until it knocks again, after a
    // second, at a closed port.
    if let Err(error) = SockRef::from(&door).attach_filter(&[DROP]) {
        tracing::warn!(%error, "the port could not be closed early");
    }
    tokio::time::sleep(ON_THEIR_WAY).await;
    // The port is closed once the server has let go of it too.
    drop(door);
    server.stop(true).await;
}

fn workers(settings: &Settings) -> usize {
    settings.workers.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from)
}

fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    let open = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)?.into_std()
    };
    open().map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AddrInUse => "; another server has it: stop that one, or take another --listen",
            std::io::ErrorKind::PermissionDenied => "; ports below 1024 are for root: take a higher one",
            std::io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
            _ => "",
        };
        Failure::from(format!("cannot listen on {address}: {error}{hint}"))
    })
}

fn greeting(settings: &Settings, config: &http::Config, bound: SocketAddr) -> String {
    let mut text = format!("Byline is ready. Listening on {bound}\n");
    let mut line = |what: &str, place: &str| {
        let _ = writeln!(text, "  {what:<10}{place}");
    };
    line("API", &config.link("/v1"));
    line("Explorer", &config.link("/docs"));
    match settings.smtp_url {
        Some(_) => line("Mail", "by SMTP"),
        None => line("Mail", &format!("{} (a file for every message)", settings.mail_dir.display())),
    }
    text
}

/// SIGTERM and SIGINT, which mean the same here.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
