//! TLS against a real server side: what is trusted gets the mail, what is not gets nothing.

use std::net::TcpStream;
use std::sync::Arc;

use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use self::smtp_sink::{Answer, Secure, Security, SmtpSink, Stream, When};
use super::*;
use crate::message::tests::letter;

#[path = "../../../../tests/smtp_sink.rs"]
mod smtp_sink;

/// A server's side of TLS with a certificate of today, and the certificate.
fn secure() -> (Secure, Certificate) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let secure = move |stream: TcpStream| {
        let server = ServerConnection::new(config.clone()).unwrap();
        Box::new(StreamOwned::new(server, stream)) as Box<dyn Stream>
    };
    (Arc::new(secure), Certificate::from_pem(made.cert.pem().as_bytes()).unwrap())
}

/// A transport from a URL, which trusts the certificate too, if one is given.
fn transport(url: &str, trusted: Option<Certificate>) -> Transport {
    let mut server = Server::parse(url).unwrap();
    if let Some(certificate) = trusted {
        let tls = TlsParameters::builder("localhost".into()).add_root_certificate(certificate).build().unwrap();
        server.tls = match server.tls {
            Tls::Wrapper(_) => Tls::Wrapper(tls),
            _ => Tls::Required(tls),
        };
    }
    Transport { way: Way::Smtp(server), timeouts: Timeouts::default() }
}

fn smtps(sink: &SmtpSink) -> String {
    format!("smtps://news%40example.com:p%40ss@localhost:{}", sink.address().port())
}

fn starttls(sink: &SmtpSink) -> String {
    format!("smtp://news%40example.com:p%40ss@localhost:{}?tls=required", sink.address().port())
}

const CREDENTIALS: Option<(&str, &str)> = Some(("news@example.com", "p@ss"));

#[test]
fn mail_leaves_over_either_kind_of_tls_signed_in() {
    let (tls, certificate) = secure();
    let sink = SmtpSink::listen(Security::Wrapper(tls.clone()), CREDENTIALS);
    transport(&smtps(&sink), Some(certificate.clone())).send(&letter().build().unwrap()).unwrap();
    assert_eq!(sink.messages().len(), 1);

    let sink = SmtpSink::listen(Security::StartTls(tls), CREDENTIALS);
    transport(&starttls(&sink), Some(certificate)).send(&letter().build().unwrap()).unwrap();
    assert_eq!(sink.messages().len(), 1);
}

#[test]
fn an_unknown_certificate_gets_neither_password_nor_mail() {
    let (tls, _) = secure();
    let sink = SmtpSink::listen(Security::Wrapper(tls.clone()), CREDENTIALS);
    let failure = transport(&smtps(&sink), None).send(&letter().build().unwrap()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Sender, "{failure}");

    let sink = SmtpSink::listen(Security::StartTls(tls), CREDENTIALS);
    let failure = transport(&starttls(&sink), None).send(&letter().build().unwrap()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Sender, "{failure}");
    assert!(!sink.commands().iter().any(|command| command.starts_with("AUTH") || command.starts_with("MAIL")));
}

#[test]
fn a_server_without_starttls_gets_nothing() {
    let sink = SmtpSink::listen(Security::None, CREDENTIALS);
    let failure = transport(&starttls(&sink), None).send(&letter().build().unwrap()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Sender, "{failure}");
    assert!(!sink.commands().iter().any(|command| command.starts_with("AUTH") || command.starts_with("MAIL")));
}

#[test]
fn a_wrong_password_is_our_own_fault_and_stays_out_of_the_words() {
    let (tls, certificate) = secure();
    let sink = SmtpSink::listen(Security::Wrapper(tls), Some(("news@example.com", "another")));
    let failure = transport(&smtps(&sink), Some(certificate.clone())).connect().err().unwrap();
    assert_eq!((failure.kind, failure.code.as_deref()), (FailureKind::Sender, Some("535")));

    sink.answer(When::Command("AUTH"), Answer::Reply("454 4.7.0 news@example.com: try later"));
    let failure = transport(&smtps(&sink), Some(certificate)).connect().err().unwrap();
    assert_eq!((failure.kind, failure.code.as_deref()), (FailureKind::Temporary, Some("4.7.0")));
    assert_eq!(failure.detail, "4.7.0 [address] try later");
}

#[test]
fn a_server_that_does_not_speak_tls_is_a_fault_of_the_configuration() {
    let sink = SmtpSink::start();
    let failure = transport(&smtps(&sink), None).connect().err().unwrap();
    assert_eq!(failure.kind, FailureKind::Sender, "{failure}");
}

#[test]
fn an_answer_slipped_in_before_tls_sends_nothing() {
    // Whoever sits on the line may add to the answer to STARTTLS; lettre still reads it after the handshake, where
    // it puts every answer one command off.
    let (tls, certificate) = secure();
    let sink = SmtpSink::listen(Security::StartTls(tls), None);
    sink.answer(When::Command("STARTTLS"), Answer::Reply("220 Go\r\n250 sink.example"));
    let url = format!("smtp://localhost:{}?tls=required", sink.address().port());
    let failure = transport(&url, Some(certificate)).send(&letter().build().unwrap()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Temporary);
    assert_eq!(failure.detail, "the server did not wait for the content");
    assert!(sink.messages().is_empty());
}
