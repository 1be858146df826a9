//! The models a service can call: real ones as configured, the demo's script, or both.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use syndarix_agents::team::{Models, Team};
use syndarix_llm::prices::ModelPrice;
use syndarix_llm::providers::{Limits, ProviderConfig, ProviderKind, Providers, RealProvider};
use syndarix_llm::scripted::{Script, ScriptedProvider};
use syndarix_llm::{ModelCatalog, ModelRef, Prices};

use crate::config::file::Scripted;
use crate::config::providers::{Setting, Usable, known_kind, settings, tiers};
use crate::config::{Config, Environment, show};
use crate::demo::Demo;
use crate::failure::Failure;

/// The name of the scripted provider, and so the first part of its models' names.
const SCRIPTED: &str = "scripted";

/// What is sent as a key to a server of one's own that needs none, where the protocol demands that one be sent.
const NO_KEY: &str = "none";

/// How long a provider may take to say which models it has.
const ASKING: Duration = Duration::from_secs(3);

/// The models that can be called, and everything needed to call them.
#[derive(Debug)]
pub(crate) struct Callable {
    /// The providers.
    pub(crate) providers: Providers,
    /// What their models cost.
    pub(crate) prices: Prices,
    /// Which models there are, and what the tiers stand for.
    pub(crate) models: Models,
    /// The chain of each tier.
    pub(crate) tiers: BTreeMap<String, Vec<String>>,
    /// The configured providers whose models are scripted.
    scripted: BTreeSet<String>,
}

impl Callable {
    /// A chain, for people: nobody is to take a scripted model for a real one.
    pub(crate) fn describe(&self, chain: &[impl AsRef<str>]) -> String {
        let model = |model: &str| {
            let provider = model.split_once('/').map_or(model, |(provider, _)| provider);
            let scripted = self.scripted.contains(provider);
            if scripted { format!("{model} (scripted, not a real model)") } else { model.to_owned() }
        };
        chain.iter().map(|name| model(name.as_ref())).collect::<Vec<_>>().join(", then ")
    }
}

/// Which models are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted {
    /// Real ones; it is an error where there are none.
    pub(crate) real: bool,
    /// The demo's, with its delays multiplied by this.
    pub(crate) scripted: Option<(&'static Demo, f64)>,
}

/// Makes the models ready that are wanted. Nothing is spent and nothing is sent, save the question to an Ollama
/// which models it has.
pub(crate) async fn prepare(
    config: &Config,
    environment: Environment<'_>,
    wanted: Wanted,
) -> Result<Callable, Failure> {
    let mut providers = Providers::new();
    let mut own_prices: Vec<(String, ModelPrice)> =
        config.file.prices.iter().map(|(model, price)| (model.clone(), *price)).collect();
    let mut chains = BTreeMap::new();
    if wanted.real {
        let mut found = settings(&config.file, environment);
        ask(&mut found).await;
        chains = tiers(config, &found);
        let none = chains.values().all(Vec::is_empty);
        if none && config.file.scripted.is_empty() {
            return Err(Failure::bad_input("no model can be used").hint(show::what_to_set(&found)));
        }
        providers = usable(config, environment, &found)?;
    }
    if let Some((demo, pace)) = wanted.scripted {
        let script = Script::parse_all(demo.scenes.iter().copied())
            .map_err(|error| Failure::internal("the demo's script cannot be read").because(error))?;
        add(&mut providers, Arc::new(ScriptedProvider::new(SCRIPTED, script).with_pace(pace)))?;
        own_prices.extend(demo.chain.iter().map(|model| {
            let price = ModelPrice {
                input: model.input_per_million,
                output: model.output_per_million,
                cache_read: None,
                cache_write: None,
            };
            (model.name.to_owned(), price)
        }));
    }
    let prices = Prices::new(own_prices).allow_unpriced(config.file.limits.allow_unpriced_models);
    let models = named(&chains, &ModelCatalog::new(&providers, &prices))?;
    let scripted = config.file.scripted.keys().cloned().collect();
    Ok(Callable { providers, prices, models, tiers: chains, scripted })
}

/// Refuses a configuration whose providers cannot be set up or whose chains name models that cannot be called. Nobody
/// is asked, so the models of an Ollama are taken on trust.
pub(crate) fn check(config: &Config, environment: Environment<'_>, found: &[Setting]) -> Result<(), Failure> {
    let providers = usable(config, environment, found)?;
    let own_prices = config.file.prices.iter().map(|(model, price)| (model.clone(), *price));
    let prices = Prices::new(own_prices).allow_unpriced(config.file.limits.allow_unpriced_models);
    named(&tiers(config, found), &ModelCatalog::new(&providers, &prices)).map(drop)
}

/// The providers that can be used, and those that play scenes.
fn usable(config: &Config, environment: Environment<'_>, found: &[Setting]) -> Result<Providers, Failure> {
    let mut providers = Providers::new();
    for setting in found.iter().filter(|setting| setting.usable == Usable::Yes) {
        add(&mut providers, Arc::new(real(setting, config, environment)?))?;
    }
    for (name, configured) in &config.file.scripted {
        add(&mut providers, Arc::new(scripted(name, configured, config)?))?;
    }
    Ok(providers)
}

/// The catalog's models, with each tier standing for its chain.
fn named(chains: &BTreeMap<String, Vec<String>>, catalog: &ModelCatalog) -> Result<Models, Failure> {
    let mut models = Models::new(catalog.clone());
    for (tier, chain) in chains {
        models = models.with_tier(tier, references(tier, chain, catalog)?);
    }
    Ok(models)
}

/// A provider that plays the scenes of a configuration.
fn scripted(name: &str, configured: &Scripted, config: &Config) -> Result<ScriptedProvider, Failure> {
    if !(configured.pace.is_finite() && configured.pace >= 0.0) {
        return Err(Failure::bad_input(format!("`{}` is not a pace", configured.pace))
            .hint(format!("write how much slower [scripted.{name}] should be, such as pace = 3")));
    }
    let mut files = Vec::new();
    for scenes in &configured.scenes {
        let path = config.relative(scenes);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Failure::bad_input(format!("the scenes {} cannot be read", path.display()))
                .because(error)
                .hint(format!("correct `scenes` of [scripted.{name}] in the configuration"))
        })?;
        files.push((path.display().to_string(), text));
    }
    let script = Script::parse_all(files.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    let script = script.map_err(|error| {
        Failure::bad_input(error.to_string()).hint("docs/scripted-models.md says what a scene is made of")
    })?;
    Ok(ScriptedProvider::new(name, script).with_pace(configured.pace))
}

fn add(providers: &mut Providers, provider: Arc<dyn syndarix_llm::ModelProvider>) -> Result<(), Failure> {
    providers.add(provider).map_err(|error| {
        Failure::bad_input(error.to_string())
            .hint("give one of [providers] and [scripted] another name; `scripted` is the demo's own")
    })
}

/// The models of a tier; one that cannot be called is the configuration's mistake.
fn references(tier: &str, chain: &[String], catalog: &ModelCatalog) -> Result<Vec<ModelRef>, Failure> {
    let check = |name: &String| {
        catalog.check(name).map_err(|error| {
            let hint = error.hint();
            Failure::bad_input(format!("the chain of `{tier}` cannot be used: {error}")).hint(hint)
        })
    };
    chain.iter().map(check).collect()
}

/// The models with every tier standing for the demo's chain, as its team file is written.
pub(crate) fn scripted_tiers(models: &Models, demo: &Demo) -> Result<Models, Failure> {
    let chain: Result<Vec<ModelRef>, _> = demo.chain.iter().map(|model| model.name.parse()).collect();
    let chain =
        chain.map_err(|error| Failure::internal("the demo's models cannot be read").because(error))?;
    Ok(models.clone().with_every_tier(&chain))
}

/// The models that a demo's team uses, whatever the tiers stand for: a demo that is continued later never
/// reaches a real model.
pub(crate) fn pin(team: &mut Team, demo: &Demo) {
    let chain: Vec<String> = demo.chain.iter().map(|model| model.name.to_owned()).collect();
    for agent in &mut team.agents {
        agent.models.clone_from(&chain);
    }
}

/// Whether a team is played by a script.
pub(crate) fn is_scripted(team: &Team) -> bool {
    let prefix = format!("{SCRIPTED}/");
    team.models().iter().all(|model| model.starts_with(&prefix))
}

/// Asks the providers that only know themselves whether they can be used.
pub(crate) async fn ask(settings: &mut [Setting]) {
    for setting in settings.iter_mut().filter(|setting| setting.usable == Usable::Ask) {
        setting.usable = match models_of(setting).await {
            Ok(found) if setting.models.is_empty() => {
                setting.models = found.into_iter().take(1).collect();
                if setting.models.is_empty() {
                    Usable::Unreachable("it has no models".to_owned())
                } else {
                    Usable::Yes
                }
            }
            Ok(_) => Usable::Yes,
            Err(why) => Usable::Unreachable(why),
        };
    }
}

/// Which models a provider says it has.
pub(crate) async fn models_of(setting: &Setting) -> Result<Vec<String>, String> {
    let provider = RealProvider::new(reach(setting, None, Limits { connect: ASKING, ..Limits::default() }))
        .map_err(|error| error.to_string())?;
    provider.list_models().await.map_err(|_| "it does not answer".to_owned())
}

fn real(setting: &Setting, config: &Config, environment: Environment<'_>) -> Result<RealProvider, Failure> {
    let key = setting.api_key_env.as_deref().and_then(environment);
    let total = Duration::from_millis(config.file.limits.model_timeout_ms);
    let limits = Limits { total, first_token: Limits::default().first_token.min(total), ..Limits::default() };
    RealProvider::new(reach(setting, key, limits)).map_err(|error| {
        Failure::bad_input(error.to_string()).hint(format!(
            "look at [providers.{}] in the configuration: `syndarix config check`",
            setting.name
        ))
    })
}

fn reach(setting: &Setting, key: Option<String>, limits: Limits) -> ProviderConfig {
    let mut provider = ProviderConfig::new(&setting.name, setting.kind).within(limits);
    if let Some(url) = &setting.base_url {
        provider = provider.at(url);
    }
    // Of a server of one's own nobody else knows which models it has, so what is listed for it is all.
    if known_kind(&setting.name).is_none() && !setting.models.is_empty() {
        provider = provider.offering(setting.models.clone());
    }
    match (key, setting.kind) {
        (Some(key), _) => provider.with_key(key),
        (None, ProviderKind::Ollama | ProviderKind::OpenaiCompatible) => provider,
        (None, _) => provider.with_key(NO_KEY.to_owned()),
    }
}

/// Who uses which models, for people: one line for each distinct chain.
pub(crate) fn introduce(team: &Team, callable: &Callable) -> Vec<String> {
    let mut chains: Vec<(Vec<ModelRef>, Vec<&str>)> = Vec::new();
    for agent in team.staff() {
        let chain = callable.models.chain(&agent.models);
        match chains.iter_mut().find(|(known, _)| *known == chain) {
            Some((_, names)) => names.push(&agent.name),
            None => chains.push((chain, vec![&agent.name])),
        }
    }
    let line = |(chain, names): (Vec<ModelRef>, Vec<&str>)| {
        let chain: Vec<&str> = chain.iter().map(ModelRef::as_str).collect();
        format!("{}: {}", names.join(", "), callable.describe(&chain))
    };
    chains.into_iter().map(line).collect()
}

/// Refuses a team some of whose members have no model to call.
pub(crate) fn everyone_has_a_model(team: &Team, callable: &Callable) -> Result<(), Failure> {
    for agent in team.staff() {
        if callable.models.chain(&agent.models).is_empty() {
            let wanted = agent.models.join(", ");
            return Err(Failure::bad_input(format!(
                "{} has no model to call: none of {wanted} can be used",
                agent.name
            ))
            .hint(
                "give the tiers a chain in [models] of syndarix.toml, or name other models in the team file",
            ));
        }
    }
    Ok(())
}
