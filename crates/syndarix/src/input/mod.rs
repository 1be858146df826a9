//! What a user hands over, checked before anything is created: whoever is told that something is wrong can be
//! sure that nothing was changed.

mod brief;
mod repository;
pub(crate) mod room;
pub(crate) mod team;

use syndarix_core::money::NanoUsd;

pub(crate) use brief::Brief;
pub(crate) use repository::{refused as repository_refused, source, source_as_it_is};

use crate::failure::Failure;

/// Reads an amount of money.
pub(crate) fn budget(text: &str) -> Result<NanoUsd, Failure> {
    let amount: NanoUsd = text.parse().map_err(|error: syndarix_core::money::InvalidAmount| {
        Failure::bad_input(error.to_string())
            .hint("write the most that may be spent, in US dollars: --budget 2.50")
    })?;
    if amount == NanoUsd::ZERO {
        return Err(Failure::bad_input("a budget of nothing lets no model be called")
            .hint("write the most that may be spent, in US dollars: --budget 2.50"));
    }
    Ok(amount)
}

/// Who is at the terminal, as decisions and feedback are signed.
pub(crate) fn user() -> String {
    let named = ["USER", "LOGNAME"].into_iter().find_map(crate::config::process_environment);
    named.unwrap_or_else(|| "human".to_owned())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_budget_is_a_positive_amount() {
        assert_eq!(budget("2.50").expect("valid"), NanoUsd(2_500_000_000));
        let said: String =
            ["-5", "0", "five"].map(|text| budget(text).expect_err("refused").render(false)).concat();
        expect![[r#"
            error: `-5` is not an amount in US dollars: it must not be negative
            hint: write the most that may be spent, in US dollars: --budget 2.50
            error: a budget of nothing lets no model be called
            hint: write the most that may be spent, in US dollars: --budget 2.50
            error: `five` is not an amount in US dollars: write it like 5 or 0.25
            hint: write the most that may be spent, in US dollars: --budget 2.50
        "#]]
        .assert_eq(&said);
    }
}
