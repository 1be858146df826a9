//! Providers that misbehave below the level of their protocol: what is cut, endless, unreadable, silent or elsewhere.

use std::time::Duration;

use syndarix_llm::error::{FailureKind, ProviderError};
use syndarix_llm::provider::{CallInfo, ModelProvider};
use syndarix_llm::providers::{Limits, ProviderConfig, ProviderKind, RealProvider};
use syndarix_llm::reply::ModelReply;
use syndarix_llm::testing::conformance::request;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::server::{Say, Server, chunk, chunked_head, status, stream_head};
use crate::wire::{anthropic, gemini, openai};

const KEY: &str = "sk-very-secret-0123456789";

fn provider(kind: ProviderKind, url: &str, limits: Limits) -> RealProvider {
    RealProvider::new(ProviderConfig::new("p", kind).at(url).with_key(KEY).within(limits)).expect("valid")
}

async fn ask(kind: ProviderKind, says: Vec<Say>, limits: Limits) -> Result<ModelReply, ProviderError> {
    let server = Server::start(says).await;
    provider(kind, &server.url, limits).call(&CallInfo::first("m"), &request(), &()).await
}

async fn failure(kind: ProviderKind, says: Vec<Say>) -> ProviderError {
    ask(kind, says, Limits::default()).await.expect_err("a failure")
}

fn head() -> Say {
    Say::Bytes(stream_head("text/event-stream"))
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    for (kind, piece) in [
        (ProviderKind::Openai, openai::words(&"x".repeat(16_000))),
        (ProviderKind::Openai, openai::calls(&[("write_file", &"y".repeat(16_000))])),
    ] {
        // Ten megabytes.
        let error = failure(kind, vec![head(), Say::Repeat(piece.into_bytes(), 650)]).await;
        assert_eq!(error.kind, FailureKind::TooLong, "{error}");
        assert!(error.usage.expect("it was paid for").input_tokens > 0);
    }
}

#[tokio::test]
async fn one_huge_event_is_cut_off() {
    let piece = openai::words(&"x".repeat(2 << 20)) + &openai::end("stop");
    let error = failure(ProviderKind::Openai, vec![head(), Say::Bytes(piece.into_bytes())]).await;
    assert_eq!(error.kind, FailureKind::TooLong, "{error}");
}

#[tokio::test]
async fn what_never_becomes_an_event_is_cut_off_before_it_fills_the_memory() {
    let limits = Limits { max_event_bytes: 1 << 20, max_body_bytes: 4 << 20, ..Limits::default() };
    let event = "an event of the stream is longer than 1048576 bytes";
    let whole = "the stream is longer than 4194304 bytes";
    let half_a_character = [b'"', 0xc3].repeat(8_000);
    for (kind, begun, piece, expected) in [
        // A line without an end, in every format.
        (ProviderKind::Openai, "data: {\"choices\":[{\"delta\":{\"content\":\"", vec![b'x'; 16_000], event),
        (ProviderKind::OpenaiResponses, "data: ", vec![b'x'; 16_000], event),
        (ProviderKind::Anthropic, "event: content_block_delta\ndata: ", vec![b'x'; 16_000], event),
        (ProviderKind::Gemini, "data: ", half_a_character, event),
        (ProviderKind::Ollama, "{\"message\":{\"content\":\"", vec![b'x'; 16_000], event),
        // Lines that say nothing, and an event that is only ever begun.
        (ProviderKind::Anthropic, "", b": still there\n\n".repeat(1_000), whole),
        (ProviderKind::Openai, "", b"data: x\n".repeat(2_000), event),
    ] {
        // A gigabyte.
        let says = vec![head(), Say::Bytes(begun.into()), Say::Repeat(piece, 64_000)];
        let error = ask(kind, says, limits).await.expect_err("a failure");
        assert_eq!(error.kind, FailureKind::TooLong, "{kind:?}: {error}");
        assert!(error.message.contains(expected), "{kind:?}: {error}");
        assert!(error.usage.expect("it was paid for").input_tokens > 0, "{kind:?}");
    }
}

#[tokio::test]
async fn a_failure_without_an_end_is_read_no_further_than_it_is_shown() {
    let head = b"HTTP/1.1 500 Internal Server Error\r\ncontent-type: text/html\r\n\r\n<h1>broken ".to_vec();
    let error =
        failure(ProviderKind::Openai, vec![Say::Bytes(head), Say::Repeat(vec![b'x'; 16_000], 64_000)]).await;
    assert_eq!((error.kind, error.usage), (FailureKind::Server, None), "{error}");
    assert!(error.message.starts_with("500: <h1>broken xxx"), "{error}");
}

#[tokio::test]
async fn a_listing_without_an_end_is_cut_off() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"data\":[".to_vec();
    let server =
        Server::start(vec![Say::Bytes(head), Say::Repeat(b"{\"id\":\"m\"},".repeat(1_000), 64_000)]).await;
    let provider = provider(ProviderKind::Openai, &server.url, Limits::default());
    let error = provider.list_models().await.expect_err("a failure");
    assert_eq!(error.kind, FailureKind::TooLong, "{error}");
}

#[tokio::test]
async fn who_gives_a_call_up_hangs_up_on_the_provider() {
    let (asked, was_asked) = tokio::sync::oneshot::channel();
    let (gone, has_gone) = tokio::sync::oneshot::channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a call");
        let _ = asked.send(stream.read_u8().await.is_ok());
        // An error ends it as well: that is how an operating system may say that nobody is there any more.
        let _ = stream.read_to_end(&mut Vec::new()).await;
        let _ = gone.send(());
    });
    let provider = provider(ProviderKind::Openai, &url, Limits::default());
    let (info, request) = (CallInfo::first("m"), request());
    let call = provider.call(&info, &request, &());
    tokio::select! {
        answer = call => panic!("nobody answers: {answer:?}"),
        asked = was_asked => assert_eq!(asked, Ok(true), "the request is sent"),
    }
    let has_gone = tokio::time::timeout(Duration::from_secs(20), has_gone).await;
    assert_eq!(has_gone, Ok(Ok(())), "the connection ended");
}

#[tokio::test]
async fn a_cut_in_the_middle_of_a_chunk_is_a_cut_stream() {
    let mut half = chunk(&openai::words("one two three"));
    half.truncate(half.len() / 2);
    let says = vec![Say::Bytes(chunked_head()), Say::Bytes(chunk(&openai::words("zero "))), Say::Bytes(half)];
    let error = failure(ProviderKind::Openai, says).await;
    assert_eq!(error.kind, FailureKind::CutStream, "{error}");
    assert!(error.usage.is_some());
}

/// What a provider charges for has been said, thought, or is half of a call's arguments.
#[tokio::test]
async fn a_cut_stream_is_charged_for_all_that_came() {
    let arguments = format!("{{\"content\": \"{}\"}}", "one two three four ".repeat(100));
    let cut = |mut events: String, within: &str| {
        events.truncate(events.rfind(within).expect("it is there"));
        events
    };
    let openai_call = openai::calls(&[("write_file", &arguments)]);
    let anthropic_call = anthropic::call(0, "write_file", &arguments);
    let gemini_call = gemini::call("write_file", &serde_json::from_str(&arguments).expect("JSON"), None);
    for (what, kind, body, input) in [
        (
            "arguments",
            ProviderKind::Openai,
            cut(openai_call.clone() + &openai::end("tool_calls"), "data: [DONE]"),
            0,
        ),
        ("arguments", ProviderKind::OpenaiCompatible, openai_call, 0),
        (
            "arguments",
            ProviderKind::Anthropic,
            anthropic::start() + &cut(anthropic_call, "event: content_block_stop"),
            420,
        ),
        (
            "thoughts",
            ProviderKind::Anthropic,
            anthropic::start() + &anthropic::thinking(0, &arguments, "s"),
            420,
        ),
        ("a call", ProviderKind::Gemini, gemini_call, 0),
        ("words", ProviderKind::Gemini, gemini::words(&arguments), 0),
    ] {
        let error = failure(kind, vec![head(), Say::Bytes(body.into_bytes())]).await;
        let usage = error.usage.unwrap_or_else(|| panic!("{kind:?}, {what}: nothing is charged: {error}"));
        // Where the end was reported before the cut, it is that: 45 tokens for any answer of these servers.
        let reported = kind == ProviderKind::Openai;
        let expected = if reported { 40..50 } else { 350..900 };
        assert!(expected.contains(&usage.output_tokens), "{kind:?}, {what}: {usage:?}");
        if input > 0 {
            assert_eq!(usage.input_tokens, input, "the prompt was reported at the beginning");
        }
    }
}

#[tokio::test]
async fn an_unreadable_event_is_malformed() {
    for (kind, body) in [
        (ProviderKind::Openai, "data: {\"choices\": [\n\n".to_owned()),
        (ProviderKind::Anthropic, anthropic::start() + "event: content_block_delta\ndata: {nope\n\n"),
        (ProviderKind::Gemini, "data: <html>\n\n".to_owned()),
    ] {
        let error = failure(kind, vec![head(), Say::Bytes(body.into_bytes())]).await;
        assert_eq!((error.kind, error.retryable()), (FailureKind::Malformed, true), "{kind:?}: {error}");
    }
    let error = failure(ProviderKind::Openai, vec![head(), Say::Bytes(b"data: \xff\xfe\n\n".to_vec())]).await;
    assert_eq!(error.kind, FailureKind::Malformed, "{error}");
}

#[tokio::test]
async fn an_error_in_the_middle_of_a_stream_is_understood() {
    let body = anthropic::start() + &anthropic::words(0, "I begin") + &anthropic::error("overloaded_error");
    let error = failure(ProviderKind::Anthropic, vec![head(), Say::Bytes(body.into_bytes())]).await;
    assert_eq!(error.kind, FailureKind::Overloaded { retry_after: None }, "{error}");
    assert!(error.usage.is_some(), "what was said before is charged");
}

#[tokio::test]
async fn silence_is_a_timeout_before_and_within_an_answer() {
    let short = Duration::from_millis(150);
    let long = Duration::from_mins(1);
    let hang = Say::Wait(long);
    let words = Say::Bytes(openai::words("I begin").into_bytes());
    for (says, limits, expected) in [
        (vec![hang.clone()], Limits { first_token: short, ..Limits::default() }, "no answer began"),
        (vec![head(), hang.clone()], Limits { first_token: short, ..Limits::default() }, "no answer began"),
        (
            vec![head(), words.clone(), hang.clone()],
            Limits { idle: short, ..Limits::default() },
            "stopped for",
        ),
        (vec![head(), words, hang], Limits { total: short, ..Limits::default() }, "not complete after"),
    ] {
        let error = ask(ProviderKind::Openai, says, limits).await.expect_err("a timeout");
        assert_eq!(error.kind, FailureKind::Timeout);
        assert!(error.message.contains(expected), "{error}");
        assert!(error.usage.is_some(), "a model that was asked may have worked: {error}");
    }
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_free() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    drop(listener);
    let provider = provider(ProviderKind::Anthropic, &url, Limits::default());
    let error = provider.call(&CallInfo::first("m"), &request(), &()).await.expect_err("nobody is there");
    assert_eq!((error.kind, error.usage), (FailureKind::Unreachable, None), "{error}");
    let error = failure(ProviderKind::Openai, vec![]).await;
    assert_eq!((error.kind, error.usage), (FailureKind::CutStream, None), "hangs up at once: {error}");
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_key() {
    let elsewhere = Server::start(status("200 OK", "", "{}")).await;
    let location = format!("location: {}/v1/messages\r\n", elsewhere.url);
    let error = failure(ProviderKind::Anthropic, status("307 Temporary Redirect", &location, "")).await;
    assert_eq!(error.kind, FailureKind::InvalidRequest, "{error}");
    assert!(elsewhere.requests().is_empty(), "the key went elsewhere");
}

#[tokio::test]
async fn the_key_is_nowhere_to_be_read() {
    let body = format!(r#"{{"error":{{"message":"Incorrect API key provided: {KEY}"}}}}"#);
    let server = Server::start(status("401 Unauthorized", "", &body)).await;
    for kind in [ProviderKind::Openai, ProviderKind::Anthropic, ProviderKind::Gemini] {
        let provider = provider(kind, &server.url, Limits::default());
        let error = provider.call(&CallInfo::first("m"), &request(), &()).await.expect_err("a wrong key");
        assert_eq!(error.kind, FailureKind::Unauthorized);
        assert!(error.message.contains("Incorrect API key provided: [key]"), "{error}");
        for shown in [format!("{error:?}"), format!("{error}"), format!("{provider:?}")] {
            assert!(!shown.contains(KEY), "{shown}");
        }
    }
    assert!(server.requests().iter().all(|request| request.head.contains(KEY)), "but it was sent");
}

#[tokio::test]
async fn a_model_that_runs_out_of_tokens_says_so() {
    use syndarix_llm::reply::StopReason;
    let body = openai::words("I begin") + &openai::end("length");
    let reply =
        ask(ProviderKind::Openai, vec![head(), Say::Bytes(body.into_bytes())], Limits::default()).await;
    assert_eq!(reply.expect("an answer").stop, StopReason::MaxTokens);
    let error =
        failure(ProviderKind::Openai, vec![head(), Say::Bytes(openai::end("length").into_bytes())]).await;
    assert_eq!(error.kind, FailureKind::Empty);
    assert_eq!(error.usage.expect("reported").output_tokens, 45);
}
