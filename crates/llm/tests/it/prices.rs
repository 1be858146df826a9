//! What models cost, and which can be called at all.

use expect_test::{Expect, expect};
use serde::Deserialize;
use std::collections::BTreeMap;
use syndarix_core::money::NanoUsd;
use syndarix_core::time::Timestamp;
use syndarix_core::usage::TokenUsage;
use syndarix_llm::catalog::ModelCatalog;
use syndarix_llm::prices::{ModelPrice, Prices};
use syndarix_llm::providers::{ProviderConfig, ProviderKind, Providers, RealProvider};
use syndarix_llm::scripted::{Script, ScriptedProvider};

/// 2026-01-01, before or after which list prices may differ.
const THEN: Timestamp = Timestamp(1_767_225_600_000);

fn real(name: &str, kind: ProviderKind) -> RealProvider {
    RealProvider::new(ProviderConfig::new(name, kind).at("http://127.0.0.1:9").with_key("k")).expect("valid")
}

fn usage(input: u64, output: u64, cache_read: u64, cache_write: u64) -> TokenUsage {
    TokenUsage {
        input_tokens: input,
        output_tokens: output,
        cache_read_tokens: cache_read,
        cache_write_tokens: cache_write,
        reasoning_tokens: 0,
    }
}

fn own(toml: &str) -> Prices {
    #[derive(Deserialize)]
    struct File {
        prices: BTreeMap<String, ModelPrice>,
    }
    Prices::new(toml::from_str::<File>(toml).expect("valid prices").prices)
}

#[test]
fn listed_models_cost_what_the_list_says() {
    let anthropic = real("anthropic", ProviderKind::Anthropic);
    let openai = real("openai", ProviderKind::Openai);
    let prices = Prices::default();
    let sonnet = "anthropic/claude-sonnet-4-5".parse().expect("a model");
    for (usage, expected) in [
        (usage(1_000, 0, 0, 0), 3_000_000),
        (usage(0, 1_000, 0, 0), 15_000_000),
        // 700 plain, 200 read at a tenth, 100 written at five quarters.
        (usage(1_000, 0, 200, 100), 2_100_000 + 60_000 + 375_000),
        (usage(0, 0, 0, 0), 0),
    ] {
        assert_eq!(prices.cost(&anthropic, &sonnet, &usage, THEN), Ok(NanoUsd(expected)), "{usage:?}");
    }
    let worst = prices.worst_case(&anthropic, &sonnet, 1_000, 100, THEN).expect("priced");
    assert_eq!(worst, NanoUsd(3_750_000 + 1_500_000), "the whole prompt may be written to the cache");
    let dated = "openai/gpt-5-2025-08-07".parse().expect("a model");
    assert_eq!(prices.cost(&openai, &dated, &usage(1_000, 1_000, 0, 0), THEN), Ok(NanoUsd(11_250_000)));
}

#[test]
fn the_configurations_own_prices_come_first() {
    let openai = real("openai", ProviderKind::Openai);
    let proxy = real("proxy", ProviderKind::OpenaiCompatible);
    let prices = own(r#"
        [prices."openai/gpt-5"]
        input = 1
        output = 0.0375
        [prices."proxy/*"]
        input = "0.000000001"
        output = "0"
    "#);
    let gpt = "openai/gpt-5".parse().expect("a model");
    assert_eq!(prices.cost(&openai, &gpt, &usage(10, 1_000, 0, 0), THEN), Ok(NanoUsd(10_000 + 37_500)));
    let any = "proxy/llama/70b".parse().expect("a model");
    assert_eq!(prices.cost(&proxy, &any, &usage(1, 0, 0, 0), THEN), Ok(NanoUsd(1)), "rounded up, never free");
    for bad in
        ["input = -1\noutput = 1", "input = \"1e3\"\noutput = 1", "input = 1", "input = 1\noutput = 1\nx = 1"]
    {
        assert!(toml::from_str::<ModelPrice>(bad).is_err(), "{bad:?} was accepted");
    }
}

#[test]
fn what_has_no_price_is_refused_unless_it_is_local_or_allowed() {
    let proxy = real("proxy", ProviderKind::OpenaiCompatible);
    let ollama = real("ollama", ProviderKind::Ollama);
    let model = "proxy/llama".parse().expect("a model");
    let error = Prices::default().cost(&proxy, &model, &usage(1, 1, 0, 0), THEN).expect_err("no price");
    expect![[r#"the price of proxy/llama is not known, so no budget can be kept; set it in the configuration, in US dollars per million tokens: [prices."proxy/llama"] input = 1.00, output = 3.00; or set allow_unpriced = true to count it as free"#]]
        .assert_eq(&error.to_string());
    let allowed = Prices::default().allow_unpriced(true);
    assert_eq!(allowed.cost(&proxy, &model, &usage(1, 1, 0, 0), THEN), Ok(NanoUsd::ZERO));
    let local = "ollama/qwen3".parse().expect("a model");
    assert_eq!(Prices::default().cost(&ollama, &local, &usage(9, 9, 0, 0), THEN), Ok(NanoUsd::ZERO));
}

fn refused(catalog: &ModelCatalog, name: &str, expected: &Expect) {
    let error = catalog.check(name).expect_err("not callable");
    expected.assert_eq(&format!("{error}\nhint: {}", error.hint()));
}

#[test]
fn mistakes_in_model_names_are_found_before_anything_is_spent() {
    let script = Script::parse("s.toml", "models = [\"main\", \"fallback\"]").expect("valid");
    let providers = Providers::new()
        .with(real("anthropic", ProviderKind::Anthropic))
        .and_then(|providers| providers.with(real("proxy", ProviderKind::OpenaiCompatible)))
        .and_then(|providers| providers.with(real("ollama", ProviderKind::Ollama)))
        .and_then(|providers| providers.with(ScriptedProvider::new("scripted", script)))
        .expect("distinct names");
    let catalog = ModelCatalog::new(&providers, &own("[prices.\"proxy/large\"]\ninput = 1\noutput = 2\n"));
    for known in [
        "anthropic/claude-sonnet-4-5",
        "anthropic/claude-sonnet-4-5-20250929",
        "proxy/large",
        "ollama/x",
        "scripted/main",
    ] {
        assert_eq!(catalog.check(known).expect(known).as_str(), known);
    }
    refused(
        &catalog,
        "scripted/mian",
        &expect![[r#"
            `scripted/mian` is not a model known here; did you mean `scripted/main`?
            hint: there are scripted/fallback, scripted/main"#]],
    );
    refused(
        &catalog,
        "anthropic/claude-sonet-4-5",
        &expect![[r#"
        `anthropic/claude-sonet-4-5` is not a model known here; did you mean `anthropic/claude-sonnet-4-5`?
        hint: if the name is right, set its price in US dollars per million tokens: [prices."anthropic/claude-sonet-4-5"] input = 1.00, output = 3.00"#]],
    );
    refused(
        &catalog,
        "antropic/claude-sonnet-4-5",
        &expect![[r#"
        `antropic/claude-sonnet-4-5` is of the provider `antropic`, which is not configured; did you mean `anthropic`?
        hint: configured are anthropic, ollama, proxy, scripted"#]],
    );
    refused(
        &catalog,
        "proxy/lrage",
        &expect![[r#"
        `proxy/lrage` is not a model known here; did you mean `proxy/large`?
        hint: if the name is right, set its price in US dollars per million tokens: [prices."proxy/lrage"] input = 1.00, output = 3.00"#]],
    );
    refused(
        &catalog,
        "gpt-5",
        &expect![[r#"
        `gpt-5` does not name a model; write it as PROVIDER/MODEL, like `anthropic/claude-sonnet-4-5`
        hint: name the provider too"#]],
    );
    refused(
        &ModelCatalog::default(),
        "openai/gpt-5",
        &expect![[r#"
        `openai/gpt-5` is of the provider `openai`, which is not configured
        hint: no provider is configured; set ANTHROPIC_API_KEY, OPENAI_API_KEY, GEMINI_API_KEY or OLLAMA_HOST"#]],
    );
    assert!(catalog.models().contains(&"proxy/large".to_owned()));
    let house = ProviderConfig::new("house", ProviderKind::OpenaiCompatible).at("http://127.0.0.1:9/v1/");
    let house = RealProvider::new(house.offering(vec!["large".into(), "free".into()])).expect("valid");
    let providers = Providers::new().with(house).expect("one");
    let prices = own("[prices.\"house/large\"]\ninput = 1\noutput = 2\n");
    let catalog = ModelCatalog::new(&providers, &prices.clone().allow_unpriced(true));
    assert!(catalog.check("house/large").is_ok() && catalog.check("house/free").is_ok());
    refused(
        &catalog,
        "house/lrage",
        &expect![[r#"
            `house/lrage` is not a model known here; did you mean `house/large`?
            hint: there are house/free, house/large"#]],
    );
    refused(
        &ModelCatalog::new(&providers, &prices),
        "house/free",
        &expect![[r#"
            what `house/free` costs is not known
            hint: set its price in US dollars per million tokens: [prices."house/free"] input = 1.00, output = 3.00"#]],
    );
    let fixed = ModelCatalog::of(["scripted/main"]).expect("valid");
    assert!(fixed.check("scripted/main").is_ok() && fixed.check("scripted/other").is_err());
}
