//! The words of a command line.

/// What only a shell understands, outside of quotes.
const OPERATORS: &[char] = &['|', '&', ';', '<', '>', '$', '`', '(', ')', '*', '?', '~', '{', '#', '\n'];

/// A command as a program and its arguments: split as a shell would, and handed to a shell where only a shell
/// understands it.
///
/// ```
/// use syndarix_environment::find::words;
/// assert_eq!(words("cargo test -- 'one test'"), ["cargo", "test", "--", "one test"]);
/// assert_eq!(words("npm ci && npm test"), ["sh", "-c", "npm ci && npm test"]);
/// assert_eq!(words("CI=true npm test"), ["sh", "-c", "CI=true npm test"]);
/// ```
pub fn words(line: &str) -> Vec<String> {
    let line = line.trim();
    let for_a_shell = || vec!["sh".to_owned(), "-c".to_owned(), line.to_owned()];
    if needs_a_shell(line) {
        return for_a_shell();
    }
    match shlex::split(line) {
        Some(words) if words.first().is_some_and(|word| is_assignment(word)) => for_a_shell(),
        Some(words) => words,
        // A quote that is not closed: the shell says so better than this crate could.
        None => for_a_shell(),
    }
}

/// Whether a word sets a variable for the command that follows it.
pub(super) fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && !name.starts_with(|character: char| character.is_ascii_digit())
            && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
    })
}

fn needs_a_shell(line: &str) -> bool {
    let mut quote = None;
    let mut escaped = false;
    for character in line.chars() {
        match (quote, character) {
            _ if escaped => escaped = false,
            (None | Some('"'), '\\') => escaped = true,
            (Some(open), _) if character == open => quote = None,
            (Some('"'), '$' | '`') => return true,
            (None, '\'' | '"') => quote = Some(character),
            (None, _) if OPERATORS.contains(&character) => return true,
            _ => {}
        }
    }
    false
}

/// A command as a person would type it.
pub(crate) fn line(command: &[String]) -> String {
    match command {
        [shell, flag, line] if shell == "sh" && flag == "-c" => line.clone(),
        _ => shlex::try_join(command.iter().map(String::as_str)).unwrap_or_else(|_| command.join(" ")),
    }
}

/// The simple commands of a shell's line: split at `&&`, `||`, `;` and line ends outside of quotes.
pub(super) fn simple(line: &str) -> Vec<String> {
    let mut commands = vec![String::new()];
    let mut quote = None;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let last = commands.len() - 1;
        match (quote, character) {
            (None, ';' | '\n') => commands.push(String::new()),
            (None, '&' | '|') if characters.peek() == Some(&character) => {
                characters.next();
                commands.push(String::new());
            }
            _ => {
                match quote {
                    Some(open) if open == character => quote = None,
                    None if matches!(character, '\'' | '"') => quote = Some(character),
                    _ => {}
                }
                commands[last].push(character);
            }
        }
    }
    commands
        .into_iter()
        .map(|command| command.trim().to_owned())
        .filter(|command| !command.is_empty())
        .collect()
}
