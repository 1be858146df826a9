//! Who authors and commits: the agents under names of their own, the user, or a name and address made to a pattern.
//! Everything here is decided from values; [`Identity::of_user`] is where the user's own names are read.

use std::borrow::Cow;
use std::path::Path;
use std::process::Stdio;

use serde::{Deserialize, Serialize};

use super::error::Error;

/// How alike a word must be to a known one to be taken for a slip of the pen, from 0 to 1.
const LIKENESS: f64 = 0.7;

/// What stands for an agent's name in a template.
const AGENT: &str = "agent";

/// What asks for the agent's own name, as it is without any configuration.
const AS_THE_AGENT: &str = "as the agent";

/// What asks for the user's own name and address.
const AS_THE_USER: &str = "as the user";

/// A name and an address, as a commit carries them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The name.
    pub name: Cow<'static, str>,
    /// The address.
    pub email: Cow<'static, str>,
}

impl Identity {
    /// The program itself: initial commits and merges.
    pub const SHELL: Self =
        Self { name: Cow::Borrowed("Syndarix"), email: Cow::Borrowed("team@syndarix.invalid") };

    /// An agent, by the name in its id: `dave` commits as Dave.
    pub fn agent(name: &str) -> Self {
        let name = titled(name);
        let email = format!("{}@syndarix.invalid", mailbox(&name));
        Self { name: name.into(), email: email.into() }
    }

    /// The user, as git knows them in this folder: from their own configuration, and from the repository's where
    /// the folder is in one. Reading these two keys runs nothing that a configuration names.
    pub async fn of_user(folder: &Path) -> Result<Self, Error> {
        let name = user_key(folder, "user.name").await?;
        let email = user_key(folder, "user.email").await?;
        Ok(Self { name: name.into(), email: email.into() })
    }

    /// What makes git author and commit under this name.
    pub(crate) fn environment(&self) -> [(&'static str, &str); 4] {
        [
            ("GIT_AUTHOR_NAME", &self.name),
            ("GIT_AUTHOR_EMAIL", &self.email),
            ("GIT_COMMITTER_NAME", &self.name),
            ("GIT_COMMITTER_EMAIL", &self.email),
        ]
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} <{}>", self.name, self.email)
    }
}

/// Whose names a commit carries, and whether it is signed off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Who made the change.
    pub author: Identity,
    /// Who put it into the repository.
    pub committer: Identity,
    /// Whether the message ends with a line `Signed-off-by`, in the committer's name.
    #[serde(default)]
    pub sign_off: bool,
}

impl Signature {
    /// The program's own commits, where nothing else is configured.
    pub const SHELL: Self = Self { author: Identity::SHELL, committer: Identity::SHELL, sign_off: false };

    /// What makes git author and commit under these names.
    pub fn environment(&self) -> [(&'static str, &str); 4] {
        let [author_name, author_email, _, _] = self.author.environment();
        let [_, _, committer_name, committer_email] = self.committer.environment();
        [author_name, author_email, committer_name, committer_email]
    }

    /// The trailer that signs off, if it does.
    pub fn sign_off_trailer(&self) -> Option<String> {
        self.sign_off.then(|| format!("Signed-off-by: {}", self.committer))
    }
}

impl Default for Signature {
    fn default() -> Self {
        Self::SHELL
    }
}

/// How commits are signed: the table `[git]` of a configuration, as far as it is about people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Authorship {
    /// Who made a change.
    pub author: Signer,
    /// Who put it into the repository; the author where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub committer: Option<Signer>,
    /// Whether every message ends with a line `Signed-off-by`.
    pub sign_off: bool,
}

impl Authorship {
    /// Whether the user's own name is needed: see [`Identity::of_user`].
    pub fn needs_user(&self) -> bool {
        self.author == Signer::User || self.committer == Some(Signer::User)
    }

    /// Who an agent's change is by, by the name in the agent's id. `None` where it is by a user who is not known.
    pub fn identity(&self, agent: &str, user: Option<&Identity>) -> Option<Identity> {
        self.author.identity(agent, &Identity::agent(agent), user)
    }

    /// What an agent's commits carry. `None` where they need a user who is not known.
    pub fn signature(&self, agent: &str, user: Option<&Identity>) -> Option<Signature> {
        self.sign(agent, &Identity::agent(agent), user)
    }

    /// What the program's own commits carry: merges, and documents that are handed over.
    pub fn shell(&self, user: Option<&Identity>) -> Option<Signature> {
        self.sign("syndarix", &Identity::SHELL, user)
    }

    fn sign(&self, agent: &str, own: &Identity, user: Option<&Identity>) -> Option<Signature> {
        let author = self.author.identity(agent, own, user)?;
        let committer = match &self.committer {
            Some(committer) => committer.identity(agent, own, user)?,
            None => author.clone(),
        };
        Some(Signature { author, committer, sign_off: self.sign_off })
    }
}

/// One name on a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Signer {
    /// The agent, under a name and an address that lead nowhere.
    #[default]
    Agent,
    /// The user, as their own git is configured.
    User,
    /// `NAME <EMAIL>`, in which `{agent}` stands for the agent.
    Template(Template),
}

impl Signer {
    fn identity(&self, agent: &str, own: &Identity, user: Option<&Identity>) -> Option<Identity> {
        match self {
            Self::Agent => Some(own.clone()),
            Self::User => user.cloned(),
            Self::Template(template) => Some(template.identity(agent)),
        }
    }
}

impl TryFrom<String> for Signer {
    type Error = InvalidSigner;

    fn try_from(text: String) -> Result<Self, InvalidSigner> {
        match text.trim() {
            AS_THE_AGENT => Ok(Self::Agent),
            AS_THE_USER => Ok(Self::User),
            other => Template::parse(other).map(Self::Template),
        }
    }
}

impl From<Signer> for String {
    fn from(signer: Signer) -> Self {
        match signer {
            Signer::Agent => AS_THE_AGENT.to_owned(),
            Signer::User => AS_THE_USER.to_owned(),
            Signer::Template(Template { name, email }) => format!("{name} <{email}>"),
        }
    }
}

/// A name and an address with places for an agent's name. Made by parsing, so what it makes is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    name: String,
    email: String,
}

impl Template {
    fn parse(text: &str) -> Result<Self, InvalidSigner> {
        let Some((name, email)) = text.strip_suffix('>').and_then(|rest| rest.split_once('<')) else {
            return Err(InvalidSigner::Shape { text: text.to_owned(), meant: nearest(text) });
        };
        let (name, email) = (name.trim(), email.trim());
        for part in [name, email] {
            check_placeholders(part)?;
        }
        let template = Self { name: name.to_owned(), email: email.to_owned() };
        let sample = template.identity("dave");
        // Git drops these from the ends of a name, and with them a name that is nothing else.
        let is_crud = |c: char| c.is_whitespace() || ".,:;\"'\\".contains(c);
        if sample.name.chars().all(is_crud) || sample.name.chars().any(|c| c.is_control() || "<>".contains(c))
        {
            return Err(InvalidSigner::Name(name.to_owned()));
        }
        if !is_address(&sample.email) {
            return Err(InvalidSigner::Email(email.to_owned()));
        }
        Ok(template)
    }

    fn identity(&self, agent: &str) -> Identity {
        let placeholder = format!("{{{AGENT}}}");
        let name = titled(agent);
        let email = self.email.replace(&placeholder, &mailbox(&name));
        Identity { name: self.name.replace(&placeholder, &name).into(), email: email.into() }
    }
}

/// Why a text does not say who commits are by. The texts say what to write: they are shown beside the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSigner {
    /// It is neither one of the two words nor a name with an address.
    #[error(
        "`{text}` does not say who commits are by: write `{AS_THE_AGENT}`, `{AS_THE_USER}`, or a name with an address \
         like `{{agent}} (Syndarix) <team+{{agent}}@example.org>`{}",
        .meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"))
    )]
    Shape {
        /// What was written.
        text: String,
        /// What was probably meant.
        meant: Option<&'static str>,
    },
    /// The name is empty, or has characters that git does not keep.
    #[error(
        "`{0}` cannot be the name on a commit: it needs letters, and neither `<` nor `>` nor control characters"
    )]
    Name(String),
    /// The address is none.
    #[error(
        "`{0}` cannot be the address on a commit: write it like `team@example.org`, with one `@`, and without spaces, \
         quotes, commas or brackets"
    )]
    Email(String),
    /// There is something in braces that stands for nothing.
    #[error("`{{{found}}}` stands for nothing in the name on a commit{} `{{{AGENT}}}`{}",
        if *.alike { ": did you mean" } else { "; the only placeholder is" },
        if *.alike { "?" } else { "" }
    )]
    Placeholder {
        /// What is in the braces.
        found: String,
        /// Whether it looks like the one that there is.
        alike: bool,
    },
    /// A brace without its other half.
    #[error("`{0}` has a brace without its other half; an agent's name goes where `{{{AGENT}}}` is")]
    Brace(String),
}

fn nearest(text: &str) -> Option<&'static str> {
    let alike = |candidate: &&str| strsim::jaro_winkler(text, candidate) >= LIKENESS;
    let likeness = |candidate: &&'static str| strsim::jaro_winkler(text, candidate);
    [AS_THE_AGENT, AS_THE_USER].into_iter().filter(alike).max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
}

/// Refuses braces that do not hold a placeholder's name.
fn check_placeholders(text: &str) -> Result<(), InvalidSigner> {
    let unpaired = || InvalidSigner::Brace(text.to_owned());
    let mut pieces = text.split('{');
    if pieces.next().is_some_and(|before| before.contains('}')) {
        return Err(unpaired());
    }
    for piece in pieces {
        let (found, after) = piece.split_once('}').ok_or_else(unpaired)?;
        if found != AGENT {
            let alike = strsim::jaro_winkler(found, AGENT) >= LIKENESS;
            return Err(InvalidSigner::Placeholder { found: found.to_owned(), alike });
        }
        if after.contains('}') {
            return Err(unpaired());
        }
    }
    Ok(())
}

/// Whether a text is an address that other programs take for one.
fn is_address(text: &str) -> bool {
    let refused = |c: char| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"'".contains(c);
    match text.split_once('@') {
        Some((mailbox, host)) => {
            let valid_host = !host.is_empty()
                && host.split('.').all(|label| !label.is_empty())
                && host.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '.');
            !mailbox.is_empty() && !mailbox.chars().any(refused) && valid_host
        }
        None => false,
    }
}

/// An agent's name as people read it: with a capital.
fn titled(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(letters)
        .filter(|c| !c.is_control() && !"<>".contains(*c))
        .collect()
}

/// An agent's name as the part of an address before the `@`.
fn mailbox(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '.' };
    name.to_lowercase().chars().map(letter).collect()
}

/// One key of the user's configuration of git.
async fn user_key(folder: &Path, key: &'static str) -> Result<String, Error> {
    let unknown = || Error::NoUser { key, path: folder.to_owned() };
    let output = tokio::process::Command::new("git")
        .args(["config", "--get", key])
        .current_dir(folder)
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .await
        .map_err(Error::GitMissing)?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let usable = output.status.success()
        && !text.is_empty()
        && !text.chars().any(|c| c.is_control() || "<>".contains(c));
    if usable { Ok(text) } else { Err(unknown()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(text: &str) -> Result<Signer, InvalidSigner> {
        Signer::try_from(text.to_owned())
    }

    #[test]
    fn an_agent_commits_under_its_name() {
        for (agent, shown) in [
            ("dave", "Dave <dave@syndarix.invalid>"),
            ("engineer-2", "Engineer-2 <engineer-2@syndarix.invalid>"),
            ("zoë\n", "Zoë <zo.@syndarix.invalid>"),
        ] {
            assert_eq!(Identity::agent(agent).to_string(), shown);
        }
    }

    #[test]
    fn a_template_holds_the_agents_name() {
        for (template, shown) in [
            ("{agent} (Syndarix) <team+{agent}@example.org>", "Dave (Syndarix) <team+dave@example.org>"),
            ("Build <build@example.org>", "Build <build@example.org>"),
            ("  Jürgen {agent}   < j@x >", "Jürgen Dave <j@x>"),
        ] {
            let authorship = Authorship { author: signer(template).unwrap(), ..Authorship::default() };
            assert_eq!(authorship.identity("dave", None).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_says_nobody_is_refused_and_says_what_to_write() {
        for (text, said) in [
            ("as user", "did you mean `as the user`?"),
            ("Dave", "write `as the agent`, `as the user`, or a name with an address"),
            ("<team@example.org>", "`` cannot be the name"),
            (". <team@example.org>", "`.` cannot be the name"),
            ("A <B> <team@example.org>", "cannot be the address"),
            ("Dave <team>", "`team` cannot be the address"),
            ("Dave <a@b@c>", "`a@b@c` cannot be the address"),
            ("Dave <a b@example.org>", "cannot be the address"),
            ("Dave <a@example..org>", "cannot be the address"),
            ("{agnet} <team@example.org>", "did you mean `{agent}`?"),
            ("{role} <team@example.org>", "the only placeholder is `{agent}`"),
            ("{agent <team@example.org>", "a brace without its other half"),
            ("agent} <team@example.org>", "a brace without its other half"),
        ] {
            let refused = signer(text).expect_err(text).to_string();
            assert!(refused.contains(said), "{text}: {refused}");
        }
    }

    #[test]
    fn what_was_read_is_written_the_same_way() {
        for text in [AS_THE_AGENT, AS_THE_USER, "{agent} <team@example.org>"] {
            assert_eq!(String::from(signer(text).unwrap()), text);
        }
    }

    #[test]
    fn the_committer_is_the_author_unless_another_is_named() {
        let user = Identity { name: "Ann".into(), email: "ann@example.org".into() };
        let authorship = |text: &str| toml::from_str::<Authorship>(text).expect(text);
        let shown = |text: &str| {
            let signature = authorship(text).signature("dave", Some(&user)).unwrap();
            format!("{} / {}", signature.author.name, signature.committer.name)
        };
        assert_eq!(shown(""), "Dave / Dave");
        assert_eq!(shown("author = 'as the user'"), "Ann / Ann");
        assert_eq!(shown("committer = 'as the user'"), "Dave / Ann");
        assert_eq!(shown("author = 'as the user'\ncommitter = 'as the agent'"), "Ann / Dave");
        assert_eq!(authorship("author = 'as the user'").signature("dave", None), None);

        assert_eq!(authorship("").shell(None), Some(Signature::SHELL));
        let signed = authorship("committer = 'as the user'\nsign_off = true").shell(Some(&user)).unwrap();
        assert_eq!(signed.sign_off_trailer().unwrap(), "Signed-off-by: Ann <ann@example.org>");
        assert_eq!(signed.author, Identity::SHELL);
    }
}
