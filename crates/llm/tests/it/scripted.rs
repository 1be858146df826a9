//! Scripts: which scene is played, and what is wrong with a file.

use expect_test::{Expect, expect};
use syndarix_llm::error::ProviderError;
use syndarix_llm::provider::{CallInfo, ModelProvider};
use syndarix_llm::reply::{ModelReply, UsageSource};
use syndarix_llm::scripted::{Script, ScriptedProvider};
use syndarix_llm::testing::conformance::request;

async fn play(
    script: &str,
    model: &str,
    attempts: (u32, u32),
    turn: u32,
) -> Result<ModelReply, ProviderError> {
    let script = Script::parse("demo.toml", script).expect("a valid script");
    let provider = ScriptedProvider::new("scripted", script).with_pace(0.0);
    let mut request = request();
    request.scene.turn = turn;
    let call = CallInfo { model, attempt: attempts.0, model_attempt: attempts.1 };
    provider.call(&call, &request, &()).await
}

async fn text(script: &str, model: &str, attempts: (u32, u32), turn: u32) -> String {
    match play(script, model, attempts, turn).await {
        Ok(reply) => reply.text,
        Err(error) => format!("{}: {error}", error.kind),
    }
}

const SPECIFIC: &str = r#"
[[scene]]
text = "anyone"
[[scene]]
role = "engineer"
text = "an engineer"
[[scene]]
task = "parse-flag"
text = "the task"
[[scene]]
role = "engineer"
turn = 1
text = "an engineer's second turn"
[[scene]]
task = "parse-flag"
turn = 2
text = "the task's third turn"
[[scene]]
role = "engineer"
turn = 2
text = "an engineer's third turn"
[[scene]]
agent = "DAVE"
stage = "develop"
round = 1
turn = 3
text = "Dave"
[[scene]]
role = "qa"
stage = "develop"
task = "parse-flag"
round = 1
turn = 3
text = "never"
"#;

#[tokio::test]
async fn the_most_specific_scene_is_played() {
    for (turn, expected) in
        [(0, "the task"), (1, "an engineer's second turn"), (2, "the task's third turn"), (3, "Dave")]
    {
        assert_eq!(text(SPECIFIC, "main", (0, 0), turn).await, expected, "turn {turn}");
    }
}

#[tokio::test]
async fn faults_are_told_by_the_attempt_not_by_memory() {
    let script = r#"
models = ["main", "fallback"]
[[scene]]
turn = 0
model = "main"
fault = "overloaded"
[[scene]]
turn = 0
text = "answered"
[[scene]]
turn = 1
fault = "rate_limited"
fault_times = 2
retry_after_ms = 5
text = "at last"
[[scene]]
turn = 2
model = "main"
fault = "timeout"
fault_times = 1
[[scene]]
turn = 2
text = "the next most specific"
"#;
    let overloaded = "overloaded: the model is overloaded";
    let limited = "rate_limited: too many requests";
    for (model, attempts, turn, expected) in [
        ("main", (0, 0), 0, overloaded),
        ("main", (9, 9), 0, overloaded),
        ("fallback", (3, 0), 0, "answered"),
        ("main", (0, 0), 1, limited),
        ("main", (1, 1), 1, limited),
        ("main", (2, 2), 1, "at last"),
        ("fallback", (1, 0), 1, limited),
        ("main", (0, 0), 2, "timeout: no answer in time"),
        ("main", (1, 1), 2, "the next most specific"),
    ] {
        assert_eq!(text(script, model, attempts, turn).await, expected, "{model} {attempts:?} turn {turn}");
    }
}

#[tokio::test]
async fn usage_is_scripted_or_estimated() {
    let script = r#"
[[scene]]
turn = 0
text = "x"
usage = { input_tokens = 1200, output_tokens = 80, cache_read_tokens = 1000 }
[[scene]]
turn = 1
text = "Eight words are about ten tokens in length."
"#;
    let scripted = play(script, "main", (0, 0), 0).await.expect("an answer");
    assert_eq!((scripted.usage.total(), scripted.usage.cache_read_tokens), (1_280, 1_000));
    let estimated = play(script, "main", (0, 0), 1).await.expect("an answer");
    assert_eq!((estimated.usage_source, estimated.usage.output_tokens), (UsageSource::Estimated, 11));
    assert!(estimated.usage.input_tokens > 500, "the tools count: {:?}", estimated.usage);
}

#[tokio::test]
async fn a_missing_scene_says_what_was_wanted_and_what_is_closest() {
    let script = "[[scene]]\nrole = \"engineer\"\ntask = \"parse-flag\"\nturn = 4\ntext = \"x\"\n";
    expect![[r#"no_scene: no scene for role = "engineer", agent = "Dave", stage = "develop", task = "parse-flag", round = 1, turn = 0, model = "main"; the closest is demo.toml:1, which differs in turn"#]]
        .assert_eq(&text(script, "main", (0, 0), 0).await);
    expect!["model_not_found: the script has no model `big`; it has main"]
        .assert_eq(&text(script, "big", (0, 0), 0).await);
}

#[tokio::test(start_paused = true)]
async fn delays_follow_the_pace() {
    let script =
        Script::parse("demo.toml", "[[scene]]\ntext = \"one two\"\ndelay_ms = 1200\n").expect("valid");
    for (pace, expected_ms) in [(0.0, 0..=0), (1.0, 600..=1_250), (3.0, 1_800..=3_700)] {
        let provider = ScriptedProvider::new("scripted", script.clone()).with_pace(pace);
        let started = tokio::time::Instant::now();
        provider.call(&CallInfo::first("main"), &request(), &()).await.expect("an answer");
        let taken = started.elapsed().as_millis();
        assert!(expected_ms.contains(&taken), "pace {pace}: {taken} ms");
    }
}

fn refused(files: &[(&str, &str)], expected: &Expect) {
    let error = Script::parse_all(files.iter().copied()).expect_err("a mistake");
    expected.assert_eq(&error.to_string());
}

#[test]
fn mistakes_are_found_with_their_line() {
    refused(
        &[("a.toml", "[[scene]]\nrole = \"qa\"\ntxt = \"x\"\n")],
        &expect!["a.toml:3: there is no key `txt` here; did you mean `text`?"],
    );
    refused(
        &[("a.toml", "\n[[scene]]\nrole = \"tester\"\ntext = \"x\"\n")],
        &expect![
            "a.toml:3: unknown variant `tester`, expected one of `product_owner`, `business_analyst`, `architect`, `project_manager`, `engineer`, `qa`, `dev_ops`"
        ],
    );
    refused(
        &[("a.toml", "[[scene]]\nfault = \"overload\"\n")],
        &expect![
            "a.toml:2: unknown variant `overload`, expected one of `rate_limited`, `overloaded`, `server_error`, `timeout`, `unreachable`, `cut_stream`, `malformed`, `unauthorized`, `refusal`, `empty`, `too_long`"
        ],
    );
    refused(
        &[("a.toml", "[[scene]]\ntext = \n")],
        &expect!["a.toml:2: string values must be quoted, expected literal string"],
    );
    refused(
        &[("a.toml", "[[scene]]\nturn = 0\n")],
        &expect!["a.toml:1: this scene does nothing; give it text, tool_calls or a fault"],
    );
    refused(
        &[("a.toml", "[[scene]]\ntext = \"x\"\nfault_times = 2\n")],
        &expect!["a.toml:1: fault_times needs a fault"],
    );
    refused(
        &[
            ("a.toml", "[[scene]]\ntask = \"t\"\nturn = 0\ntext = \"x\"\n"),
            ("b.toml", "# b\n[[scene]]\nturn = 0\ntask = \"t\"\ntext = \"y\"\n"),
        ],
        &expect![
            "b.toml:2: this scene applies exactly when the one at a.toml:1 does; tell them apart by another key"
        ],
    );
}

#[test]
fn models_are_those_declared_and_those_named() {
    let script = Script::parse_all([
        ("a.toml", "models = [\"main\"]\n[[scene]]\ntext = \"x\"\n"),
        ("b.toml", "[[scene]]\nmodel = \"fallback\"\nrole = \"qa\"\ntext = \"x\"\n"),
    ])
    .expect("valid");
    assert_eq!(script.models(), ["fallback", "main"]);
    assert_eq!(script.scenes().len(), 2);
    assert_eq!(Script::parse("c", "").expect("empty is fine").models(), ["main"]);
}
