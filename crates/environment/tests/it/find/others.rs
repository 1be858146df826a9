use expect_test::expect;

use super::check;

#[test]
fn ruby() {
    check(
        &[("Gemfile", ""), (".rspec", "")],
        &expect![[r"
        [] [Ruby] with ruby
          set up: bundle install (Gemfile)
          Tests: bundle exec rspec (.rspec)
    "]],
    );
    check(
        &[
            ("Gemfile", ""),
            ("a.gemspec", ""),
            ("Rakefile", "Rake::TestTask.new"),
            (".ruby-version", "3.2.1\n"),
        ],
        &expect![[r"
            [] [Ruby] with ruby
              set up: bundle install (Gemfile)
              Tests: bundle exec rake test (Rakefile)
        "]],
    );
}

#[test]
fn php() {
    check(
        &[
            ("composer.json", r#"{"require": {"php": ">=8.1"}, "require-dev": {"phpunit/phpunit": "^10"}}"#),
            ("phpunit.xml.dist", ""),
        ],
        &expect![[r"
            [] [Php] with php
              set up: composer install --no-interaction --no-progress --prefer-dist (composer.json)
              Tests: php vendor/bin/phpunit (phpunit.xml.dist)
        "]],
    );
}

#[test]
fn dot_net() {
    check(
        &[("A.sln", ""), ("src/A/A.csproj", ""), ("tests/A.Tests/A.Tests.csproj", "")],
        &expect![[r"
        [] [DotNet] with dotnet
          set up: dotnet restore A.sln (A.sln)
          Tests: dotnet test --no-restore A.sln (A.sln)
    "]],
    );
}

#[test]
fn elixir() {
    check(
        &[("mix.exs", "elixir: \"~> 1.14\",\n{:jason, \"~> 1.0\"}"), ("test/a_test.exs", "")],
        &expect![[r"
            [] [Elixir] with elixir
              set up: mix local.hex --force --if-missing (mix.exs)
              set up: mix local.rebar --force --if-missing (mix.exs)
              set up: mix deps.get (mix.exs)
              Tests: mix test (mix.exs)
        "]],
    );
}

#[test]
fn nothing_is_recognised_in_documents() {
    check(
        &[("README.md", "# A")],
        &expect![[r"
            nothing
        "]],
    );
}
