use expect_test::expect;

use syndarix_environment::Repository;
use syndarix_environment::find::{Configured, find};

use super::{check, check_on, machine, with};

#[test]
fn npm_with_and_without_a_lock_file() {
    let manifest =
        r#"{"scripts": {"test": "mocha"}, "devDependencies": {"mocha": "^10"}, "engines": {"node": ">=18"}}"#;
    check(
        &[("package.json", manifest), ("package-lock.json", "{}")],
        &expect![[r"
        [] [JavaScript] with node 22.3.0
          set up: npm ci (package-lock.json)
          Tests: npm test (package.json:1)
    "]],
    );
    check(
        &[("package.json", manifest)],
        &expect![[r"
        [] [JavaScript] with node 22.3.0
          set up: npm install --no-package-lock (package.json)
          Tests: npm test (package.json:1)
    "]],
    );
    check(
        &[("package.json", r#"{"scripts": {"test": "node --test"}}"#)],
        &expect![[r"
        [] [JavaScript] with node 22.3.0
          Tests: npm test (package.json:1)
    "]],
    );
}

#[test]
fn npm_s_own_test_script_is_no_test() {
    let manifest =
        r#"{"scripts": {"test": "echo \"Error: no test specified\" && exit 1"}, "dependencies": {"a": "1"}}"#;
    check(
        &[("package.json", manifest)],
        &expect![[r"
        [] [JavaScript] with node 22.3.0
          set up: npm install --no-package-lock (package.json)
    "]],
    );
}

#[test]
fn pnpm_yarn_and_bun_by_their_lock_files() {
    let manifest = r#"{"scripts": {"test": "vitest"}, "devDependencies": {"vitest": "1"}}"#;
    check_on(
        &with(&["pnpm"]),
        &[("package.json", manifest), ("pnpm-lock.yaml", "lockfileVersion: '6.0'")],
        &expect![[r"
            [] [JavaScript] with node 22.3.0
              set up: pnpm install --frozen-lockfile (pnpm-lock.yaml)
              Tests: pnpm test (package.json:1)
        "]],
    );
    check(
        &[("package.json", manifest), ("pnpm-lock.yaml", "lockfileVersion: '6.0'")],
        &expect![[r"
        [] [JavaScript] with node 22.3.0
          set up: npx --yes pnpm@8 install --frozen-lockfile (pnpm-lock.yaml)
          Tests: npm test (package.json:1)
        note: pnpm is not installed: pnpm@8 is run by npx, which fetches it
    "]],
    );
    let calling = r#"{"packageManager": "pnpm@9.1.0", "scripts": {"test": "tsc&&pnpm lint", "lint": "a"}, "dependencies": {"a": "1"}}"#;
    check(
        &[("package.json", calling), ("pnpm-lock.yaml", "")],
        &expect![[r"
            [] [JavaScript] with node 22.3.0
              set up: npx --yes pnpm@9.1.0 install --frozen-lockfile (pnpm-lock.yaml)
              set up: npm install --global --prefix node_modules/.manager pnpm@9.1.0 (pnpm-lock.yaml)
              Tests: npm test (package.json:1)
            note: pnpm is not installed: pnpm@9.1.0 is run by npx, which fetches it
        "]],
    );
    check_on(
        &with(&["yarn"]),
        &[("package.json", manifest), ("yarn.lock", "")],
        &expect![[r"
        [] [JavaScript] with node 22.3.0
          set up: yarn install --frozen-lockfile (yarn.lock)
          Tests: yarn test (package.json:1)
    "]],
    );
    check(
        &[("package.json", manifest), ("yarn.lock", "__metadata:\n")],
        &expect![[r"
        [] [JavaScript] with node 22.3.0
          set up: npx --yes --package @yarnpkg/cli-dist@latest yarn install --immutable (yarn.lock)
          Tests: npm test (package.json:1)
        note: yarn is not installed: @yarnpkg/cli-dist@latest is run by npx, which fetches it
    "]],
    );
    check_on(
        &with(&["bun"]),
        &[("package.json", manifest), ("bun.lock", "")],
        &expect![[r"
        [] [JavaScript] with node 22.3.0
          set up: bun install --frozen-lockfile (bun.lock)
          Tests: bun run test (package.json:1)
    "]],
    );
}

#[test]
fn a_package_manager_that_is_missing_is_said() {
    let mut machine = machine();
    machine.programs.remove("npx");
    let manifest = r#"{"packageManager": "pnpm@9.1.0+sha512.abc", "scripts": {"test": "a"}, "dependencies": {"a": "1"}}"#;
    check_on(
        &machine,
        &[("package.json", manifest), ("pnpm-lock.yaml", "")],
        &expect![[r"
        [] [JavaScript] with node 22.3.0
          set up: pnpm install --frozen-lockfile (pnpm-lock.yaml)
          Tests: pnpm test (package.json:1)
        missing: pnpm (pnpm-lock.yaml)
    "]],
    );
}

#[test]
fn what_tests_import_is_built_before_them() {
    let manifest = r#"{"main": "dist/index.js", "scripts": {"build": "tsc", "test": "jest", "typecheck": "tsc --noEmit", "lint": "eslint ."}}"#;
    check(
        &[("package.json", manifest), ("src/index.ts", "")],
        &expect![[r"
        [] [JavaScript] with node 22.3.0
          Build: npm run build (package.json:1)
          Types: npm run typecheck (package.json:1)
          Tests: npm test (package.json:1)
    "]],
    );
    let built = r#"{"main": "./lib/index", "scripts": {"build": "tsc", "test": "jest"}}"#;
    check(
        &[("package.json", built), ("lib/index.js", "")],
        &expect![[r"
        [] [JavaScript] with node 22.3.0
          Tests: npm test (package.json:1)
    "]],
    );
}

#[test]
fn lint_is_checked_where_continuous_integration_does() {
    let manifest = r#"{"scripts": {"lint": "eslint .", "test": "jest"}, "devDependencies": {"jest": "29"}}"#;
    let workflow = "jobs:\n  test:\n    steps:\n      - uses: actions/setup-node@v4\n        with:\n          node-version: 18\n      - run: npm ci\n      - run: npm run lint\n      - run: npm test\n";
    check(
        &[("package.json", manifest), (".github/workflows/ci.yml", workflow)],
        &expect![[r"
        [] [JavaScript] with node 18.20.0 in /home/me/.nvm/versions/node/v18.20.0/bin
          set up: npm install --no-package-lock (package.json)
          Lint: npm run lint (.github/workflows/ci.yml:8)
          Tests: npm test (package.json:1)
    "]],
    );
}

#[test]
fn an_audit_around_the_tests_is_left_out() {
    let manifest = r#"{"scripts": {"pretest": "npm run lint", "lint": "eslint .", "test": "npm run tests-only", "tests-only": "tape", "posttest": "npx aud"}}"#;
    check(
        &[("package.json", manifest)],
        &expect![[r"
        [] [JavaScript] with node 22.3.0
          Tests: sh -c npm run pretest && npm run tests-only (package.json:1)
        note: the audit of dependencies around the script `test` is left out: a check has no network
    "]],
    );
}

#[test]
fn without_a_lock_file_the_manager_is_continuous_integration_s_usual_one() {
    let manifest = r#"{"scripts": {"test": "tap"}, "devDependencies": {"tap": "1"}}"#;
    for (commands, expected) in [
        (&["npm i", "npm test"][..], "npm install --no-package-lock"),
        (&["npm install", "npm i --ignore-scripts", "pnpm install", "yarn"], "npm install --no-package-lock"),
        (&["npm i -g pnpm", "pnpm install", "pnpm i"], "pnpm install --no-lockfile"),
        (&["yarn", "yarn test"], "yarn install --no-lockfile"),
        (&["pnpm test"], "npm install --no-package-lock"),
    ] {
        let steps: Vec<String> = commands.iter().map(|command| format!("      - run: {command}\n")).collect();
        let workflow = format!("jobs:\n  test:\n    steps:\n{}", steps.concat());
        let files = [("package.json", manifest), (".github/workflows/ci.yml", &workflow)];
        let found = find(&Repository::of(files), &with(&["pnpm", "yarn"]), &Configured::default());
        assert_eq!(found.parts[0].set_up[0].command.join(" "), expected, "{commands:?}");
    }
}
