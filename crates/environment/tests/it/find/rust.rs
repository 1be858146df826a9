use expect_test::expect;

use super::check;

#[test]
fn a_crate_without_dependencies_needs_no_set_up() {
    check(
        &[("Cargo.toml", "[package]\nname = \"a\"\n"), ("src/lib.rs", "")],
        &expect![[r"
        [] [Rust] with rust
          Tests: cargo test (Cargo.toml)
    "]],
    );
}

#[test]
fn a_lock_file_with_packages_is_fetched_as_it_is() {
    let lock = "[[package]]\nname = \"a\"\n\n[[package]]\nname = \"b\"\nsource = \"registry+x\"\n";
    check(
        &[("Cargo.toml", "[package]\nname = \"a\"\n"), ("Cargo.lock", lock)],
        &expect![[r"
        [] [Rust] with rust
          set up: cargo fetch --locked (Cargo.lock)
          Tests: cargo test (Cargo.toml)
    "]],
    );
}

#[test]
fn without_a_lock_file_dev_dependencies_count() {
    check(
        &[("Cargo.toml", "[package]\nname = \"a\"\n[dev-dependencies]\nb = \"1\"\n")],
        &expect![[r"
        [] [Rust] with rust
          set up: cargo fetch (Cargo.toml)
          Tests: cargo test (Cargo.toml)
    "]],
    );
    check(
        &[("Cargo.toml", "[package]\nname = \"a\"\n[target.'cfg(unix)'.dependencies]\nb = \"1\"\n")],
        &expect![[r"
            [] [Rust] with rust
              set up: cargo fetch (Cargo.toml)
              Tests: cargo test (Cargo.toml)
        "]],
    );
}

#[test]
fn a_virtual_workspace_is_tested_as_a_whole() {
    check(
        &[
            ("Cargo.toml", "[workspace]\nmembers = [\"a\"]\n"),
            ("a/Cargo.toml", "[package]\nname = \"a\"\n[dependencies]\nc = { version = \"1\" }\n"),
            ("rust-toolchain.toml", "[toolchain]\nchannel = \"1.80\"\n"),
        ],
        &expect![[r"
            [] [Rust] with rust
              set up: cargo fetch (Cargo.toml)
              Tests: cargo test --workspace (Cargo.toml)
        "]],
    );
}

#[test]
fn a_broken_manifest_is_a_note() {
    check(
        &[("Cargo.toml", "[package\n")],
        &expect![[r"
        note: Cargo.toml cannot be read and is left out: TOML parse error at line 1, column 9
    "]],
    );
}
