//! An SMTP server for tests: it takes every message and keeps it, unless it was told to refuse, to cut the line
//! or to fall silent. The protocol is spoken by the `mailin` crate, so that what the client says is judged by
//! someone else's reading of RFC 5321; the sockets are ours, so that a test can break them anywhere.
//!
//! ```ignore
//! let sink = SmtpSink::start();
//! sink.answer_once(When::Recipient("anna@example.org"), Answer::Reply("450 4.2.1 Try later"));
//! let transport = Transport::open(Some(&sink.url()), folder)?;
//! // ...
//! assert_eq!(sink.messages()[0].to, ["anna@example.org"]);
//! ```

#![allow(dead_code, clippy::unwrap_used, reason = "each test binary uses its part; a test may fail loudly")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use mailin::response::OK;
use mailin::{Action, AuthMechanism, Handler, Response, Session, SessionBuilder};

/// A message that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    /// The envelope's sender.
    pub(crate) from: String,
    /// The envelope's recipients.
    pub(crate) to: Vec<String>,
    /// The content, dots unstuffed.
    pub(crate) data: Vec<u8>,
}

/// A moment of the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// In place of the greeting.
    Greeting,
    /// At a line that begins with this verb, such as `MAIL`, `DATA` or `STARTTLS`.
    Command(&'static str),
    /// At `RCPT TO` this address.
    Recipient(&'static str),
    /// At the first line of the content.
    Content,
    /// At the lone dot that ends the content.
    End,
}

/// What the server does there in place of its own answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Says this; a message that ends with a refusal is not kept.
    Reply(&'static str),
    /// Closes the line without a word.
    Cut,
    /// Keeps the message and closes the line without a word. Only for [`When::End`].
    KeepAndCut,
    /// Says nothing for this long, then closes.
    Silence(Duration),
}

/// A stream that a server may put around a connection, such as TLS.
pub(crate) trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

/// Puts TLS around a connection; given by the test, so that the sink needs no TLS of its own.
pub(crate) type Secure = Arc<dyn Fn(TcpStream) -> Box<dyn Stream> + Send + Sync>;

/// When the sink speaks TLS.
#[derive(Clone)]
pub(crate) enum Security {
    /// Never.
    None,
    /// After `STARTTLS`.
    StartTls(Secure),
    /// From the first byte.
    Wrapper(Secure),
}

/// A running server; dropped, it stops listening.
pub(crate) struct SmtpSink {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    messages: Vec<Received>,
    rules: Vec<(When, Answer, bool)>,
    commands: Vec<String>,
    connections: usize,
    credentials: Option<(String, String)>,
    stopped: bool,
}

impl SmtpSink {
    /// Listens on a free port of this machine, in clear text, for anyone.
    pub(crate) fn start() -> Self {
        Self::listen(Security::None, None)
    }

    /// Asks for this user and password; mailin offers to only over TLS.
    pub(crate) fn listen(security: Security, credentials: Option<(&str, &str)>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let credentials = credentials.map(|(user, password)| (user.to_owned(), password.to_owned()));
        let shared = Arc::new(Mutex::new(Shared { credentials, ..Shared::default() }));
        let theirs = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, security) = (theirs.clone(), security.clone());
                if lock(&shared).stopped {
                    return;
                }
                lock(&shared).connections += 1;
                thread::spawn(move || converse(stream, &security, &shared));
            }
        });
        Self { address, shared }
    }

    /// `smtp://127.0.0.1:port`.
    pub(crate) fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was accepted, in order.
    pub(crate) fn messages(&self) -> Vec<Received> {
        lock(&self.shared).messages.clone()
    }

    /// Every command line that came, in order, of all connections.
    pub(crate) fn commands(&self) -> Vec<String> {
        lock(&self.shared).commands.clone()
    }

    /// How many connections were opened.
    pub(crate) fn connections(&self) -> usize {
        lock(&self.shared).connections
    }

    /// From now on answers so; the rule given last wins.
    pub(crate) fn answer(&self, when: When, answer: Answer) {
        lock(&self.shared).rules.push((when, answer, false));
    }

    /// Answers so the next time.
    pub(crate) fn answer_once(&self, when: When, answer: Answer) {
        lock(&self.shared).rules.push((when, answer, true));
    }

    /// Forgets every rule.
    pub(crate) fn behave(&self) {
        lock(&self.shared).rules.clear();
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        lock(&self.shared).stopped = true;
        // Wakes the listener, so that it sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The rule for this moment, used up if it was for once.
fn rule(shared: &Mutex<Shared>, applies: impl Fn(When) -> bool) -> Option<Answer> {
    let rules = &mut lock(shared).rules;
    let found = rules.iter().rposition(|(when, _, _)| applies(*when))?;
    let (_, answer, once) = rules[found];
    if once {
        rules.remove(found);
    }
    Some(answer)
}

/// Keeps what mailin understands.
struct Keeper {
    shared: Arc<Mutex<Shared>>,
    current: Received,
    refused: Arc<AtomicBool>,
}

impl Handler for Keeper {
    fn data_start(&mut self, _: &str, from: &str, _: bool, to: &[String]) -> Response {
        self.current = Received { from: from.to_owned(), to: to.to_vec(), data: Vec::new() };
        OK
    }

    fn data(&mut self, line: &[u8]) -> std::io::Result<()> {
        self.current.data.extend_from_slice(line);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        if self.refused.swap(false, Ordering::Relaxed) {
            // The client hears the refusal from us; told of it, mailin would go on taking content.
            return OK;
        }
        let mut shared = lock(&self.shared);
        shared.messages.push(self.current.clone());
        Response::custom(250, format!("2.0.0 Ok: queued as SINK{}", shared.messages.len()))
    }

    fn auth_plain(&mut self, _: &str, user: &str, password: &str) -> Response {
        let known = lock(&self.shared).credentials == Some((user.to_owned(), password.to_owned()));
        if known { mailin::response::AUTH_OK } else { mailin::response::INVALID_CREDENTIALS }
    }
}

fn converse(stream: TcpStream, security: &Security, shared: &Arc<Mutex<Shared>>) {
    let mut server = SessionBuilder::new("sink.example");
    if matches!(security, Security::StartTls(_)) {
        server.enable_start_tls();
    }
    if lock(shared).credentials.is_some() {
        server.enable_auth(AuthMechanism::Plain);
    }
    let current = Received { from: String::new(), to: Vec::new(), data: Vec::new() };
    let refused = Arc::new(AtomicBool::new(false));
    let keeper = Keeper { shared: shared.clone(), current, refused: refused.clone() };
    let session = server.build(IpAddr::V4(Ipv4Addr::LOCALHOST), keeper);
    let mut talk = Talk { session, shared: shared.clone(), refused, content: false };
    // A client that goes away in the middle ends its conversation, not the test.
    let _ = match security {
        Security::None => talk.greet(&mut { stream }),
        Security::Wrapper(secure) => {
            talk.session.tls_active();
            talk.greet(&mut *secure(stream))
        }
        Security::StartTls(secure) => {
            let mut plain = stream;
            match talk.greet(&mut plain) {
                Ok(After::Tls) => {
                    talk.session.tls_active();
                    talk.listen(&mut *secure(plain))
                }
                ended => ended,
            }
        }
    };
}

/// Why a conversation paused.
enum After {
    Over,
    Tls,
}

/// One conversation.
struct Talk {
    session: Session<Keeper>,
    shared: Arc<Mutex<Shared>>,
    /// Tells the keeper that the message now ending was refused.
    refused: Arc<AtomicBool>,
    /// Between 354 and the lone dot.
    content: bool,
}

impl Talk {
    fn greet(&mut self, stream: &mut (impl Read + Write + ?Sized)) -> std::io::Result<After> {
        match rule(&self.shared, |when| when == When::Greeting) {
            Some(Answer::Reply(text)) => say(stream, format!("{text}\r\n").as_bytes())?,
            Some(other) => return Ok(leave(other)),
            None => say(stream, &self.session.greeting().buffer()?)?,
        }
        self.listen(stream)
    }

    /// Answers line by line until the end, or until TLS is due.
    fn listen(&mut self, stream: &mut (impl Read + Write + ?Sized)) -> std::io::Result<After> {
        let mut stream = BufReader::new(stream);
        loop {
            let mut line = Vec::new();
            if stream.read_until(b'\n', &mut line)? == 0 {
                return Ok(After::Over);
            }
            if let Some(after) = self.answer(&line, *stream.get_mut())? {
                return Ok(after);
            }
        }
    }

    fn answer(&mut self, line: &[u8], stream: &mut (impl Write + ?Sized)) -> std::io::Result<Option<After>> {
        let end = self.content && line == b".\r\n";
        let told = self.told(line, end);
        self.content &= !end;
        match told {
            Some(Answer::Reply(reply)) => {
                if end {
                    self.refused.store(!reply.starts_with('2'), Ordering::Relaxed);
                    self.session.process(line);
                }
                say(stream, format!("{reply}\r\n").as_bytes())?;
                Ok(match reply.get(..3) {
                    Some("421") => Some(After::Over),
                    Some("220") => Some(After::Tls),
                    _ => None,
                })
            }
            Some(other) => {
                if other == Answer::KeepAndCut {
                    self.session.process(line);
                }
                Ok(Some(leave(other)))
            }
            None => {
                let response = self.session.process(line);
                say(stream, &response.buffer()?)?;
                self.content |= response.code == 354;
                Ok(match response.action {
                    Action::Close => Some(After::Over),
                    Action::UpgradeTls => Some(After::Tls),
                    Action::NoReply | Action::Reply => None,
                })
            }
        }
    }

    /// What a test told the server to answer to this line; notes commands on the way.
    fn told(&self, line: &[u8], end: bool) -> Option<Answer> {
        let command = (!self.content).then(|| String::from_utf8_lossy(line).trim_end().to_owned());
        if let Some(command) = &command {
            lock(&self.shared).commands.push(command.clone());
        }
        let begins = |beginning: &str| command.as_deref().is_some_and(|command| starts_with(command, beginning));
        rule(&self.shared, |when| match when {
            When::Greeting => false,
            When::End => end,
            When::Content => self.content && !end,
            When::Command(verb) => begins(verb),
            When::Recipient(address) => begins(&format!("RCPT TO:<{address}>")),
        })
    }
}

/// Writes an answer in one piece: in several, Nagle's algorithm would hold back all but the first.
fn say(stream: &mut (impl Write + ?Sized), answer: &[u8]) -> std::io::Result<()> {
    stream.write_all(answer)?;
    stream.flush()
}

fn leave(answer: Answer) -> After {
    if let Answer::Silence(time) = answer {
        thread::sleep(time);
    }
    After::Over
}

fn starts_with(line: &str, beginning: &str) -> bool {
    line.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning))
}
