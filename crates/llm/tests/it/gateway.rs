//! The gateway: once, in order, within the budget, whatever fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use expect_test::{Expect, expect};
use syndarix_core::budget::{Attribution, BudgetScope};
use syndarix_core::effect::EffectKey;
use syndarix_core::event::EventKind;
use syndarix_core::id::{ProjectId, TaskId};
use syndarix_core::money::NanoUsd;
use syndarix_core::time::Timestamp;
use syndarix_llm::error::ProviderError;
use syndarix_llm::gateway::{
    BreakerPolicy, CallContext, Error, Gateway, GatewayOptions, GatewayReply, RetryPolicy,
};
use syndarix_llm::prices::{ModelPrice, Prices};
use syndarix_llm::provider::{CallInfo, DeltaSink, ModelProvider};
use syndarix_llm::providers::Providers;
use syndarix_llm::reply::ModelReply;
use syndarix_llm::request::ModelRequest;
use syndarix_llm::scripted::{Script, ScriptedProvider};
use syndarix_llm::testing::conformance::request;
use syndarix_llm::testing::{ManualClock, MemoryLedger};
use syndarix_llm::tokens::estimate_prompt_by_length;

/// A scripted provider that counts how often it is asked.
#[derive(Debug)]
struct Counted {
    inner: ScriptedProvider,
    asked: Arc<AtomicU32>,
}

#[async_trait]
impl ModelProvider for Counted {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn call(
        &self,
        call: &CallInfo<'_>,
        request: &ModelRequest,
        sink: &dyn DeltaSink,
    ) -> Result<ModelReply, ProviderError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.inner.call(call, request, sink).await
    }

    fn estimate_prompt_tokens(&self, model: &str, request: &ModelRequest) -> u64 {
        self.inner.estimate_prompt_tokens(model, request)
    }

    fn is_local(&self) -> bool {
        true
    }
}

struct World {
    gateway: Gateway,
    ledger: Arc<MemoryLedger>,
    asked: Arc<AtomicU32>,
    clock: Arc<ManualClock>,
}

fn usd(text: &str) -> NanoUsd {
    text.parse().expect("an amount")
}

/// A gateway over this ledger, as after a start of the process.
fn start(ledger: &Arc<MemoryLedger>, script: &str) -> World {
    let asked = Arc::new(AtomicU32::new(0));
    let script = Script::parse("test.toml", script).expect("a valid script");
    let inner = ScriptedProvider::new("scripted", script).with_pace(0.0);
    World { asked: asked.clone(), ..start_with(ledger, Counted { inner, asked }) }
}

fn start_with(ledger: &Arc<MemoryLedger>, provider: impl ModelProvider + 'static) -> World {
    let clock = Arc::new(ManualClock::at(Timestamp(1_790_000_000_000)));
    let price = ModelPrice { input: usd("1"), output: usd("10"), cache_read: None, cache_write: None };
    let gateway = Gateway::new(GatewayOptions {
        providers: Providers::new().with(provider).expect("one provider"),
        prices: Prices::new([("scripted/*".to_owned(), price)]),
        retry: RetryPolicy::default(),
        breaker: BreakerPolicy::default(),
        ledger: ledger.clone(),
        effects: ledger.clone(),
        clock: clock.clone(),
    });
    World { gateway, ledger: ledger.clone(), asked: Arc::default(), clock }
}

fn world(script: &str) -> World {
    start(&Arc::new(MemoryLedger::new()), script)
}

fn project() -> ProjectId {
    ProjectId::new("p-1").expect("valid")
}

fn context(step: u32, chain: &[&str]) -> CallContext {
    let task: TaskId = project().task(1);
    CallContext {
        effect: EffectKey { run: task.run(1), superstep: step, index: 0 },
        attribution: Attribution {
            project: project(),
            sprint: Some(1),
            agent: project().agent("dave").expect("valid"),
            task,
        },
        chain: chain.iter().map(|model| model.parse().expect("a model")).collect(),
    }
}

impl World {
    async fn call(&self, step: u32, chain: &[&str]) -> Result<GatewayReply, Error> {
        self.gateway.call(&context(step, chain), &request(), &()).await
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }

    /// The journal, a line an event.
    fn events(&self, expected: &Expect) {
        let mut lines = String::new();
        for event in self.ledger.events() {
            assert_eq!(
                (&event.project, event.task.is_some(), event.agent.is_some()),
                (&project(), true, true)
            );
            let line = match event.kind {
                EventKind::ModelCallSucceeded { model, usage, cost, .. } => {
                    format!(
                        "{model} answered: {} + {} tokens, {cost}\n",
                        usage.input_tokens, usage.output_tokens
                    )
                }
                EventKind::ModelCallFailed { model, kind, retryable, cost, .. } => {
                    format!("{model} failed: {kind}, retryable {retryable}, {cost}\n")
                }
                EventKind::ModelFailover { from, to, reason } => format!("{from} -> {to}: {reason}\n"),
                EventKind::GuardTripped { guard, detail } => format!("{guard}: {detail}\n"),
                other => format!("{other:?}\n"),
            };
            lines.push_str(&line);
        }
        expected.assert_eq(&lines);
    }
}

const ANSWER: &str = "[[scene]]\ntext = \"done\"\nusage = { input_tokens = 1000, output_tokens = 100 }\n";

#[tokio::test]
async fn a_call_is_made_once_and_charged_once() {
    let world = world(ANSWER);
    let first = world.call(1, &["scripted/main"]).await.expect("an answer");
    assert_eq!((first.replayed, first.cost, first.model.as_str()), (false, usd("0.002"), "scripted/main"));
    let second = world.call(1, &["scripted/main"]).await.expect("the same answer");
    assert_eq!((second.replayed, &second.reply, second.cost), (true, &first.reply, first.cost));
    let restarted = start(&world.ledger, ANSWER);
    let third = restarted.call(1, &["scripted/main"]).await.expect("the same answer");
    assert!(third.replayed);
    assert_eq!((world.asked(), restarted.asked()), (1, 0));
    assert_eq!((world.ledger.spent(), world.ledger.reserved()), (usd("0.002"), NanoUsd::ZERO));
    world.events(&expect![[r#"
        scripted/main answered: 1000 + 100 tokens, $0.002
    "#]]);
}

#[tokio::test(start_paused = true)]
async fn a_chain_retries_and_then_fails_over() {
    let world = world(&format!(
        "models = [\"main\"]\n{ANSWER}[[scene]]\nmodel = \"main\"\nfault = \"timeout\"\n[[scene]]\nmodel = \"fallback\"\nfault = \"overloaded\"\nfault_times = 1\n"
    ));
    let reply = world.call(1, &["scripted/main", "scripted/fallback"]).await.expect("the fallback answers");
    assert_eq!(reply.model, "scripted/fallback");
    world.events(&expect![[r#"
        scripted/main failed: timeout, retryable true, $0.000571
        scripted/main failed: timeout, retryable true, $0.000571
        scripted/main failed: timeout, retryable true, $0.000571
        scripted/main -> scripted/fallback: timeout
        scripted/fallback failed: overloaded, retryable true, $0.00
        scripted/fallback answered: 1000 + 100 tokens, $0.002
    "#]]);
    let calls = world.ledger.calls();
    let attempts: Vec<_> = calls.iter().map(|call| call.reservation.call.attempt).collect();
    assert_eq!(attempts, [0, 1, 2, 3, 4]);
    assert!(calls.iter().all(|call| call.end.is_some()));
    assert_eq!(world.ledger.reserved(), NanoUsd::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_mended_goes_on_at_once() {
    for fault in ["unauthorized", "refusal", "too_long"] {
        let world = world(&format!(
            "{ANSWER}[[scene]]\nmodel = \"main\"\nfault = \"{fault}\"\n[[scene]]\nmodel = \"fallback\"\ntext = \"x\"\n"
        ));
        world.call(1, &["scripted/main", "scripted/fallback"]).await.expect("the fallback answers");
        assert_eq!(world.asked(), 2, "{fault}");
    }
    let world = world("models = [\"main\"]\n[[scene]]\nfault = \"unauthorized\"\n");
    let error = world.call(1, &["scripted/main"]).await.expect_err("nobody answers");
    assert!(!error.retryable());
    expect!["no model of the chain answered: scripted/main (unauthorized: the key is wrong)"]
        .assert_eq(&error.to_string());
    expect![[r#"
        Some(
            "check the provider's API key",
        )
    "#]]
    .assert_debug_eq(&error.hint());
}

/// Kills the process after each number of attempts, by giving the script that many faults in a first life.
#[tokio::test(start_paused = true)]
async fn a_crashed_call_continues_after_what_is_settled() {
    let chain = ["scripted/main", "scripted/fallback"];
    let script = format!(
        "models = [\"main\", \"fallback\"]\n{ANSWER}[[scene]]\nfault = \"server_error\"\nturn = 0\nfault_times = 4\n"
    );
    for crash_after in 0..=4 {
        let ledger = Arc::new(MemoryLedger::new());
        let before = start(&ledger, &script);
        let call = context(1, &chain);
        // What a process leaves behind that is killed while attempt `crash_after` is under way.
        {
            let wanted = request();
            let life = before.gateway.call(&call, &wanted, &());
            tokio::pin!(life);
            while ledger.calls().len() <= crash_after as usize {
                let _ = tokio::time::timeout(Duration::from_millis(1), &mut life).await;
                if ledger.result(&call.effect).is_some() {
                    break;
                }
            }
        }
        let after = start(&ledger, &script);
        let reply = after.gateway.call(&call, &request(), &()).await.expect("an answer");
        assert_eq!(reply.model, "scripted/fallback", "crash after {crash_after}");
        let calls = ledger.calls();
        let tried: Vec<_> = calls.iter().map(|call| call.reservation.model.as_str()).collect();
        assert_eq!(tried[..3], ["scripted/main"; 3], "crash after {crash_after}");
        assert_eq!(tried[3..], ["scripted/fallback"; 2], "crash after {crash_after}");
        assert_eq!((ledger.spent(), ledger.reserved()), (usd("0.002"), NanoUsd::ZERO));
    }
}

/// A provider that never answers, as far as anybody waits.
#[derive(Debug)]
struct Silent {
    charges: bool,
}

#[async_trait]
impl ModelProvider for Silent {
    fn name(&self) -> &'static str {
        "scripted"
    }

    async fn call(
        &self,
        _: &CallInfo<'_>,
        _: &ModelRequest,
        _: &dyn DeltaSink,
    ) -> Result<ModelReply, ProviderError> {
        std::future::pending().await
    }

    fn estimate_prompt_tokens(&self, _: &str, request: &ModelRequest) -> u64 {
        estimate_prompt_by_length(request)
    }

    fn charges_for_interrupted_calls(&self) -> bool {
        self.charges
    }
}

#[tokio::test]
async fn a_call_that_was_cut_off_is_charged_as_its_provider_may_and_made_again() {
    let scope = BudgetScope::Project { project: project() };
    // A call costs 0.015 at worst, and 0.002 in truth.
    for (charges, budget, first, goes_on) in
        [(true, "0.03", "0.010571", true), (true, "0.02", "0.010571", false), (false, "0.02", "0", true)]
    {
        let ledger = Arc::new(MemoryLedger::new().with_budget(scope.clone(), usd(budget)));
        let cut = start_with(&ledger, Silent { charges });
        let call = context(1, &["scripted/main"]);
        let (asked, nobody) = (request(), ());
        let mut under_way = Box::pin(cut.gateway.call(&call, &asked, &nobody));
        assert!(futures::poll!(&mut under_way).is_pending());
        assert_eq!(ledger.reserved(), usd("0.010571"));
        drop(under_way);

        let again = start(&ledger, ANSWER).gateway.call(&call, &asked, &nobody).await;
        if goes_on {
            assert_eq!(again.expect("an answer").cost, usd("0.002"));
            assert_eq!(ledger.spent(), usd(first) + usd("0.002"), "charges: {charges}");
        } else {
            let error = again.expect_err("what may be charged leaves too little");
            assert!(matches!(error, Error::BudgetRefused(_)), "{error}");
            assert_eq!(ledger.spent(), usd(first));
        }
        assert_eq!(ledger.reserved(), NanoUsd::ZERO);
        let numbers: Vec<_> = ledger.calls().iter().map(|call| call.reservation.call.attempt).collect();
        assert_eq!(numbers, if goes_on { vec![0, 1] } else { vec![0] });
    }
}

#[tokio::test]
async fn a_refused_budget_is_not_a_failure_and_can_be_raised() {
    let scope = BudgetScope::Task { task: project().task(1) };
    let ledger = Arc::new(MemoryLedger::new().with_budget(scope.clone(), usd("0.001")));
    let world = start(&ledger, ANSWER);
    let error = world.call(1, &["scripted/main"]).await.expect_err("too little");
    let Error::BudgetRefused(refusal) = &error else { panic!("{error}") };
    assert_eq!((&refusal.scope, refusal.limit, error.retryable()), (&scope, usd("0.001"), false));
    assert_eq!((world.asked(), ledger.calls().len()), (0, 0));
    ledger.set_budget(scope, usd("1"));
    world.call(1, &["scripted/main"]).await.expect("the same call goes on");
}

#[tokio::test]
async fn one_call_has_a_cap_of_its_own() {
    let dave = project().agent("dave").expect("a name");
    let scope = BudgetScope::Call { agent: dave.clone() };
    // A call costs 0.015 at worst, and 0.002 in truth.
    let ledger = Arc::new(MemoryLedger::new().with_budget(scope.clone(), usd("0.005")));
    let world = start(&ledger, ANSWER);
    let error = world.call(1, &["scripted/main"]).await.expect_err("too dear");
    let Error::BudgetRefused(refusal) = &error else { panic!("{error}") };
    assert_eq!((&refusal.scope, refusal.spent, world.asked()), (&scope, NanoUsd::ZERO, 0));
    expect!["the budget of one call of agent p-1/dave is $0.005; the next call may cost $0.010571"]
        .assert_eq(&error.to_string());
    ledger.set_budget(scope, usd("0.015"));
    for step in 1..4 {
        world.call(step, &["scripted/main"]).await.expect("calls do not add up");
    }
}

/// Fifty calls that may cost a half of the budget each, and a thousandth in truth.
#[tokio::test(start_paused = true)]
async fn calls_wait_for_what_is_set_aside_for_others_and_in_turn() {
    let script =
        "[[scene]]\ntext = \"done\"\nusage = { input_tokens = 10, output_tokens = 10 }\ndelay_ms = 1000\n";
    let scope = BudgetScope::Project { project: project() };
    let ledger = Arc::new(MemoryLedger::new().with_budget(scope.clone(), usd("0.022")));
    let world = Arc::new(start(&ledger, script));
    let order = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let calls = (0..50).map(|step| {
        let (world, order) = (world.clone(), order.clone());
        async move {
            let outcome = world.call(step, &["scripted/main"]).await;
            order.lock().push(step);
            outcome
        }
    });
    for outcome in futures::future::join_all(calls).await {
        outcome.expect("it waits");
    }
    assert_eq!((world.asked(), ledger.reserved()), (50, NanoUsd::ZERO));
    let order = order.lock().clone();
    assert!(order.is_sorted(), "who came first is served first: {order:?}");

    // Whatever the call under way comes to, there will not be enough: this is said at once.
    ledger.set_budget(scope, ledger.spent() + usd("0.0105"));
    let error = world.call(99, &["scripted/main"]).await.expect_err("too little");
    assert!(matches!(error, Error::BudgetRefused(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_calls_at_once_never_overspend() {
    let limit = usd("0.1");
    let script =
        "[[scene]]\ntext = \"done\"\nusage = { input_tokens = 560, output_tokens = 1000 }\ndelay_ms = 1\n";
    let ledger =
        Arc::new(MemoryLedger::new().with_budget(BudgetScope::Project { project: project() }, limit));
    let world = Arc::new(start(&ledger, script));
    let calls = (0..200).map(|step| {
        let world = world.clone();
        tokio::spawn(async move { world.call(step, &["scripted/main"]).await })
    });
    let outcomes = futures::future::join_all(calls).await;
    let (mut answered, mut refused) = (0, 0);
    for outcome in outcomes {
        match outcome.expect("no panic") {
            Ok(_) => answered += 1,
            Err(Error::BudgetRefused(_)) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(answered + refused, 200);
    assert!(ledger.spent() <= limit, "{} of {limit}", ledger.spent());
    // A call costs 0.01 in truth and is reserved with little more: nine or ten of them fit, one after another.
    assert!((9..=10).contains(&answered), "{answered} answered, {refused} refused");
    assert_eq!((world.asked(), ledger.reserved()), (answered, NanoUsd::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_broken_model_is_left_alone_until_a_probe_succeeds() {
    let script = "models = [\"main\"]\n[[scene]]\nmodel = \"main\"\nfault = \"server_error\"\n[[scene]]\nmodel = \"fallback\"\ntext = \"x\"\nusage = { input_tokens = 1, output_tokens = 1 }\n";
    let world = world(script);
    let chain = ["scripted/main", "scripted/fallback"];
    for step in 0..4 {
        world.call(step, &chain).await.expect("the fallback answers");
    }
    world.events(&expect![[r#"
        scripted/main failed: server_error, retryable true, $0.00
        scripted/main failed: server_error, retryable true, $0.00
        scripted/main failed: server_error, retryable true, $0.00
        scripted/main -> scripted/fallback: server_error
        scripted/fallback answered: 1 + 1 tokens, $0.000011
        scripted/main failed: server_error, retryable true, $0.00
        scripted/main failed: server_error, retryable true, $0.00
        circuit_breaker: scripted/main failed 5 times in a row and is left alone for 30 s
        scripted/fallback answered: 1 + 1 tokens, $0.000011
        scripted/main -> scripted/fallback: circuit_open
        scripted/fallback answered: 1 + 1 tokens, $0.000011
        scripted/main -> scripted/fallback: circuit_open
        scripted/fallback answered: 1 + 1 tokens, $0.000011
        scripted/main -> scripted/fallback: circuit_open
    "#]]);
    world.clock.advance(Duration::from_secs(31));
    let before = world.asked();
    world.call(9, &chain).await.expect("the fallback answers");
    assert_eq!(world.asked() - before, 2, "one probe, which fails and opens the breaker again");
}

#[tokio::test]
async fn a_model_without_a_price_or_a_provider_is_named() {
    let world = world(ANSWER);
    let error = world.call(1, &["nowhere/m"]).await.expect_err("no such provider");
    expect![
        "no model of the chain answered: nowhere/m (unknown_provider: no provider `nowhere` is configured)"
    ]
    .assert_eq(&error.to_string());
    assert!(matches!(world.call(2, &[]).await, Err(Error::EmptyChain)));
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_an_open_breaker_only_so_long() {
    let world = world("[[scene]]\nfault = \"server_error\"\n");
    let error = world.call(1, &["scripted/main"]).await.expect_err("nobody answers");
    assert!(error.retryable(), "{error}");
    let error = world.call(2, &["scripted/main"]).await.expect_err("nobody answers");
    let Error::AllFailed { attempts, retry_after } = &error else { panic!("{error}") };
    assert_eq!(
        (attempts.len(), *retry_after),
        (3, Some(Duration::from_secs(30))),
        "two failures, and the breaker"
    );
    assert_eq!(world.asked(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_failed_is_tried_again_from_its_beginning() {
    let script = "[[scene]]\nfault = \"server_error\"\nfault_times = 3\ntext = \"at last\"\n";
    let world = world(script);
    let error = world.call(1, &["scripted/main"]).await.expect_err("three failures");
    assert!(matches!(&error, Error::AllFailed { attempts, .. } if attempts.len() == 3), "{error}");
    let restarted = start(&world.ledger, script);
    let reply = restarted.call(1, &["scripted/main"]).await.expect("the fourth attempt answers");
    assert_eq!((reply.reply.text.as_str(), restarted.asked()), ("at last", 1));
    let attempts: Vec<_> = world.ledger.calls().iter().map(|call| call.reservation.call.attempt).collect();
    assert_eq!(attempts, [0, 1, 2, 3]);
}
