//! What Syndarix booked, against what the mock server answered.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Bench, MockServer, Outcome, require};

/// A provider: what its models' names begin with, where its answers are asked for, and what a token costs by the
/// configuration, in nano-dollars.
struct Provider {
    prefix: &'static str,
    path: &'static str,
    input: u64,
    output: u64,
}

const PROVIDERS: [Provider; 2] = [
    Provider { prefix: "openai/", path: "/chat/completions", input: 2_500, output: 10_000 },
    Provider { prefix: "anthropic/", path: "/messages", input: 3_000, output: 15_000 },
];

/// What one provider's models were asked, and what it cost.
#[derive(Debug, Default, PartialEq, Eq)]
struct Bill {
    calls: u64,
    input: u64,
    output: u64,
    cost: u64,
}

/// The ledger has each call that the server answered, with the tokens that the server reported, at the configured price;
/// and the printed sum is theirs. Every call was streamed, and each provider was heard to call tools.
pub(crate) fn costs(bench: &Bench, server: &MockServer, printed: &str) -> Outcome<String> {
    let mut report = String::new();
    let log = server.log()?;
    let costs = bench.ask(&["costs", "--calls"])?;
    let calls = costs.as_array().ok_or("calls are not a list")?;
    let (mut input, mut output, mut logged_calls) = (0, 0, 0);
    for provider in &PROVIDERS {
        let logged = logged(provider, &log)?;
        let booked = booked(provider, calls);
        require(
            booked == logged,
            &format!("{} the ledger has {booked:?}, the server's log {logged:?}", provider.prefix),
        )?;
        let _ = writeln!(
            report,
            "{} {} calls, all streamed, {} nano-dollars, as in the server's log",
            provider.prefix, booked.calls, booked.cost
        );
        input += logged.input;
        output += logged.output;
        logged_calls += logged.calls;
    }
    require(logged_calls == calls.len() as u64, "the ledger has calls of other providers")?;
    let total = printed.lines().rfind(|line| line.trim_start().starts_with("total ")).unwrap_or_default();
    let words: Vec<&str> = total.split_whitespace().collect();
    let wanted = [logged_calls, 0, input, output].map(|number| number.to_string());
    require(
        words.windows(wanted.len()).any(|window| window == wanted),
        &format!("the summary's total is not {wanted:?}: {total}"),
    )?;
    let _ = writeln!(report, "total printed: {logged_calls} calls, {input} tokens in, {output} out");
    Ok(report)
}

/// What the server's log says of a provider.
fn logged(provider: &Provider, log: &[Value]) -> Outcome<Bill> {
    let mut bill = Bill::default();
    let mut called_tools = false;
    let of_provider =
        |entry: &&Value| entry["path"].as_str().is_some_and(|path| path.contains(provider.path));
    for entry in log.iter().filter(of_provider) {
        let response = &entry["response"];
        require(response["status"] == 200, &format!("the server refused a call: {response}"))?;
        require(entry["body"]["stream"] == true, "a call was not streamed")?;
        let answer = &response["fixture"]["response"];
        called_tools |= answer["toolCalls"].as_array().is_some_and(|calls| !calls.is_empty());
        let tokens = |name: &str| answer["usage"][name].as_u64().ok_or("an answer without usage");
        let (input, output) = (tokens("prompt_tokens")?, tokens("completion_tokens")?);
        bill.calls += 1;
        bill.input += input;
        bill.output += output;
        bill.cost += input * provider.input + output * provider.output;
    }
    require(called_tools, &format!("{} was not heard to call a tool", provider.prefix))?;
    Ok(bill)
}

/// What the ledger says of a provider.
fn booked(provider: &Provider, calls: &[Value]) -> Bill {
    let of_provider =
        |call: &&Value| call["model"].as_str().is_some_and(|model| model.starts_with(provider.prefix));
    calls.iter().filter(of_provider).fold(Bill::default(), |bill, call| {
        let number = |value: &Value| value.as_u64().unwrap_or_default();
        Bill {
            calls: bill.calls + 1,
            input: bill.input + number(&call["usage"]["input_tokens"]),
            output: bill.output + number(&call["usage"]["output_tokens"]),
            cost: bill.cost + number(&call["cost"]),
        }
    })
}
