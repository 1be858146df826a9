//! What team files may say, and what is said about those that are wrong.

use expect_test::{Expect, expect};
use syndarix_agents::{Models, Team};
use syndarix_llm::{ModelCatalog, ModelRef};

fn models() -> Models {
    let model: ModelRef = "scripted/main".parse().expect("a model's name");
    let catalog = ModelCatalog::of(["scripted/main", "scripted/spare"]).expect("valid");
    Models::new(catalog).with_every_tier(&[model])
}

fn check(text: &str, expected: Expect) {
    let error = Team::parse("team.toml", text, &models()).expect_err("this file must be refused");
    let lines: Vec<String> = error
        .problems
        .iter()
        .map(|problem| {
            let hint = problem.hint.as_ref().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
            format!("{}:{}: {}{hint}", error.file, problem.line, problem.message)
        })
        .collect();
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn a_file_may_extend_the_default_team_and_its_types() {
    let text = r#"
version = 1
name = "shop"
extends = "default"
review_rounds = 2

[types.sql_engineer]
extends = "engineer"
capabilities = ["code", "sql", "review"]
models = ["scripted/spare", "strong"]
limits = { steps = 20 }

[[agents]]
name = "Kate"
type = "sql_engineer"
prompt = "You own the schema."
budget = "0.50"

[[agents]]
type = "sql_engineer"
count = 2
reports_to = "project_manager"
"#;
    let team = Team::parse("team.toml", text, &models()).expect("a good file");
    let members: Vec<String> = team
        .staff()
        .iter()
        .filter(|agent| agent.agent_type == "sql_engineer")
        .map(|agent| {
            let lead = agent.reports_to.as_deref().unwrap_or("nobody");
            let budget = agent.budget.map(|budget| format!(", {budget}")).unwrap_or_default();
            format!("{} reports to {lead}, {} steps{budget}", agent.name, agent.limits.steps)
        })
        .collect();
    expect![[r#"
        Kate reports to Priya, 20 steps, $0.50
        Noor reports to Priya, 20 steps
        Tomas reports to Priya, 20 steps"#]]
    .assert_eq(&members.join("\n"));
    assert_eq!(team.staff().len(), 11);
    assert_eq!(Team::from_toml(&team.to_toml()).expect("reads back"), team);
}

#[test]
fn unknown_keys_are_named_with_the_nearest() {
    check(
        "version = 1\nextends = \"default\"\n\n[[agents]]\ntype = \"engineer\"\nmodls = [\"strong\"]\n\n[types.x]\nextends = \"engineer\"\nlimits = { stps = 3 }\n",
        expect![[r#"
            team.toml:6: unknown key `modls` in an agent
              hint: did you mean `models`?
            team.toml:10: unknown key `stps` in the limits of type `x`
              hint: did you mean `steps`?"#]],
    );
}

#[test]
fn two_agents_with_one_name_are_refused() {
    check(
        "version = 1\nextends = \"default\"\n[[agents]]\nname = \"Rita\"\ntype = \"engineer\"\n[[agents]]\nname = \"rita\"\ntype = \"qa\"\n",
        expect![[r#"
            team.toml:7: two agents are called `rita`; the first is on line 4
              hint: names are compared without regard to case; give one of them another"#]],
    );
}

#[test]
fn a_reporting_cycle_is_refused_by_name() {
    check(
        "version = 1\nextends = \"default\"\n[[agents]]\nname = \"Ann\"\ntype = \"engineer\"\nreports_to = \"Ben\"\n[[agents]]\nname = \"Ben\"\ntype = \"engineer\"\nreports_to = \"Ann\"\n",
        expect![[r#"
            team.toml:6: the team reports in a circle: Ann reports to Ben reports to Ann
              hint: take `reports_to` out of one of them"#]],
    );
}

#[test]
fn unknown_models_types_roles_and_leads_are_named_with_the_nearest() {
    check(
        r#"version = 1
extends = "default"

[types.writer]
role = "enginer"
prompt = "You write."
models = ["scripted/mian", "strng", "openai/gpt-5"]
tools = ["shell"]

[[agents]]
type = "enginer"

[[agents]]
name = "Zoe"
type = "qa"
reports_to = "Pria"
budget = "-1"
"#,
        expect![[r#"
            team.toml:5: there is no role `enginer`
              hint: did you mean `engineer`?
            team.toml:7: `scripted/mian` is not a model known here; did you mean `scripted/main`?
              hint: there are scripted/main, scripted/spare
            team.toml:7: there is no model tier `strng`
              hint: did you mean `strong`?
            team.toml:7: `openai/gpt-5` is of the provider `openai`, which is not configured
              hint: configured are scripted
            team.toml:8: `shell` is not a tool scope
              hint: scopes look like `workspace.read_file`, `workspace.*` or `mcp.SERVER.*`
            team.toml:11: there is no agent type `enginer`
              hint: did you mean `engineer`?
            team.toml:16: `Zoe` reports to `Pria`, who is not in the team
              hint: did you mean `Priya`?
            team.toml:17: `-1` is not an amount in US dollars: it must not be negative"#]],
    );
}

#[test]
fn what_is_missing_is_said() {
    check(
        "name = \"x\"\n[[agents]]\ntype = \"engineer\"\n",
        expect![[r#"
        team.toml:1: the team file does not say its version
          hint: begin it with `version = 1`
        team.toml:1: the team has no product_owner, no business_analyst, no architect, no project_manager, no qa, no dev_ops
          hint: add the missing agents, or begin with `extends = "default"`"#]],
    );
    check(
        "version = 2\nextends = \"defualt\"\ntopology = \"market\"\n",
        expect![[r#"
        team.toml:1: this is version 2 of the team file's form
          hint: this binary reads version 1
        team.toml:1: the team has no product_owner, no business_analyst, no architect, no project_manager, no engineer, no qa, no dev_ops
          hint: add the missing agents, or begin with `extends = "default"`
        team.toml:2: there is no team `defualt` to extend
          hint: the team that can be extended is `default`
        team.toml:3: there is no topology `market`
          hint: the topology is `hierarchical`"#]],
    );
    check(
        "version = 1\nextends = \"default\"\n[[agents]]\nname = \"2 Fast\"\ncount = \"three\"\n",
        expect![[r#"
            team.toml:3: an agent has no type
              hint: add for example `type = "engineer"`
            team.toml:4: `2 Fast` is not a name: a name has only ASCII letters, digits and hyphens
            team.toml:5: `count` in agent `2 Fast` must be a whole number, and is of type string"#]],
    );
    check("version = 1\n[agents\n", expect!["team.toml:2: this is not TOML: unclosed table, expected `]`"]);
    check(
        "version = 1\nextends = \"default\"\n[types.a]\nextends = \"b\"\n[types.b]\nextends = \"a\"\n[types.c]\nprompt = \"x\"\n",
        expect![[r#"
            team.toml:4: type `a` extends itself, by way of `b`
            team.toml:6: type `b` extends itself, by way of `a`
            team.toml:7: type `c` extends nothing and lacks a role or a prompt
              hint: add `extends = "engineer"`, or both `role` and `prompt`"#]],
    );
}
