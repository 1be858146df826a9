//! What a source file defines, by tree-sitter.

use std::fmt;

use tree_sitter::{Node, Parser};

use super::language::Language;

/// The most definitions that are kept of a file, and of what one of them holds: more than a line of the map shows.
const SYMBOLS_MAX: usize = 60;
const MEMBERS_MAX: usize = 12;

/// How deep wrappers are followed: an export, a decorator, a header's guard, a namespace.
const WRAPPERS_MAX: usize = 4;

/// The longest name that is shown.
const NAME_BYTES_MAX: usize = 60;

/// A definition at the top level of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Symbol {
    /// The language's own word for it, such as `fn`.
    word: &'static str,
    pub(super) name: String,
    /// The names of what it holds, such as a class's methods.
    members: Vec<String>,
    /// Whether other files can use it.
    public: bool,
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.word, self.name)?;
        if !self.members.is_empty() {
            write!(f, " {{ {} }}", self.members.join(", "))?;
        }
        Ok(())
    }
}

/// What a text defines: first what other files can use, each in the order of the text. Empty where it cannot be parsed.
pub(super) fn of(language: Language, text: &str) -> Vec<Symbol> {
    let mut parser = Parser::new();
    if parser.set_language(&language.grammar()).is_err() {
        return Vec::new();
    }
    let Some(tree) = parser.parse(text, None) else { return Vec::new() };
    let mut found = Found { language, text: text.as_bytes(), symbols: Vec::new() };
    found.children(tree.root_node(), false, 0);
    found.symbols.sort_by_key(|symbol| !symbol.public);
    found.symbols
}

struct Found<'a> {
    language: Language,
    text: &'a [u8],
    symbols: Vec<Symbol>,
}

impl Found<'_> {
    fn children(&mut self, node: Node<'_>, exported: bool, depth: usize) {
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor) {
            if self.symbols.len() >= SYMBOLS_MAX {
                return;
            }
            if is_wrapper(child.kind()) {
                if depth < WRAPPERS_MAX {
                    self.children(child, exported || child.kind() == "export_statement", depth + 1);
                }
            } else {
                self.definition(child, exported);
            }
        }
    }

    fn definition(&mut self, node: Node<'_>, exported: bool) {
        match (self.language, node.kind()) {
            (Language::Rust, "impl_item") => self.implementation(node),
            (Language::Go, "method_declaration") => self.method(node),
            (_, "lexical_declaration" | "variable_declaration") => self.variables(node, exported),
            (_, "expression_statement") => self.assignment(node),
            (_, kind) => {
                let Some(word) = word(self.language, kind) else { return };
                let Some(name) = self.name(node) else { return };
                let public = exported || self.is_public(node, &name);
                // Tests beside what they test are no part of what a file offers.
                if self.language == Language::Rust
                    && word == "mod"
                    && (name == "tests" || node.child_by_field_name("body").is_none())
                {
                    return;
                }
                // A declaration without a body is defined elsewhere.
                if self.language == Language::C
                    && kind.ends_with("_specifier")
                    && node.child_by_field_name("body").is_none()
                {
                    return;
                }
                let members = if word == "mod" { Vec::new() } else { self.members(node) };
                self.symbols.push(Symbol { word, name, members, public });
            }
        }
    }

    /// The name of what a node defines; in C it is inside of pointers and parameters.
    fn name(&self, node: Node<'_>) -> Option<String> {
        let mut name = node.child_by_field_name("name").or_else(|| node.child_by_field_name("declarator"))?;
        for _ in 0..WRAPPERS_MAX {
            match name.child_by_field_name("declarator") {
                Some(inner) => name = inner,
                None => break,
            }
        }
        self.text_of(name)
    }

    fn text_of(&self, node: Node<'_>) -> Option<String> {
        let text = node.utf8_text(self.text).ok()?;
        (!text.is_empty() && text.len() <= NAME_BYTES_MAX && !text.contains('\n')).then(|| text.to_owned())
    }

    fn is_public(&self, node: Node<'_>, name: &str) -> bool {
        match self.language {
            Language::Rust => node.child(0).is_some_and(|first| first.kind() == "visibility_modifier"),
            Language::Python => !name.starts_with('_'),
            Language::Go => name.starts_with(char::is_uppercase),
            Language::Java => node
                .child(0)
                .and_then(|first| self.text_of(first))
                .is_some_and(|word| word.contains("public")),
            Language::C => {
                node.child(0).and_then(|first| self.text_of(first)).is_none_or(|word| word != "static")
            }
            // What is not exported by itself may be exported at the end of the file.
            Language::JavaScript | Language::TypeScript | Language::Tsx => false,
        }
    }

    /// The names of the functions that a class, trait or implementation holds.
    fn members(&self, node: Node<'_>) -> Vec<String> {
        let Some(body) = node.child_by_field_name("body") else { return Vec::new() };
        let mut cursor = body.walk();
        body.named_children(&mut cursor)
            .map(|child| child.child_by_field_name("definition").unwrap_or(child))
            .filter(|child| is_function(child.kind()))
            .filter_map(|child| self.name(child))
            .filter(|name| !name.starts_with(['_', '#']) || name == "__init__" || name == "__call__")
            .take(MEMBERS_MAX)
            .collect()
    }

    /// Rust's `impl`: beside the type itself where it has no trait, left out where it has one that says little.
    fn implementation(&mut self, node: Node<'_>) {
        if node.child_by_field_name("trait").is_some() {
            return;
        }
        let Some(name) = node.child_by_field_name("type").and_then(|of| self.text_of(of)) else { return };
        let bare = name.split('<').next().unwrap_or(&name).to_owned();
        let members = self.members(node);
        if members.is_empty() {
            return;
        }
        let public = self.symbols.iter().any(|symbol| symbol.name == bare && symbol.public);
        self.symbols.push(Symbol { word: "impl", name, members, public });
    }

    /// Go's methods, under their type where it is in the same file.
    fn method(&mut self, node: Node<'_>) {
        let Some(name) = self.name(node) else { return };
        let receiver = node.child_by_field_name("receiver").and_then(|receiver| self.text_of(receiver));
        let Some(receiver) = receiver else { return };
        let of = receiver.trim_matches(['(', ')']).rsplit([' ', '*']).next().unwrap_or_default();
        let of = of.split('[').next().unwrap_or_default();
        if let Some(symbol) = self.symbols.iter_mut().find(|symbol| symbol.name == of) {
            if symbol.members.len() < MEMBERS_MAX && name.starts_with(char::is_uppercase) {
                symbol.members.push(name);
            }
        } else {
            let public = name.starts_with(char::is_uppercase);
            self.symbols.push(Symbol {
                word: "func",
                name: format!("{of}.{name}"),
                members: Vec::new(),
                public,
            });
        }
    }

    /// JavaScript's functions and classes that are values of variables, and whatever is exported.
    fn variables(&mut self, node: Node<'_>, exported: bool) {
        let mut cursor = node.walk();
        for variable in node.named_children(&mut cursor) {
            let value = variable.child_by_field_name("value").map_or("", |value| value.kind());
            let is_function = matches!(value, "arrow_function" | "function_expression" | "class");
            if (is_function || exported)
                && variable.kind() == "variable_declarator"
                && let Some(name) = self.name(variable)
            {
                let word = if is_function { "function" } else { "const" };
                self.symbols.push(Symbol { word, name, members: Vec::new(), public: exported });
            }
        }
    }

    /// `exports.name = …` and `Type.prototype.name = function …`, as modules were written before `export`.
    fn assignment(&mut self, node: Node<'_>) {
        let Some(assignment) = node.named_child(0).filter(|child| child.kind() == "assignment_expression")
        else {
            return;
        };
        let target = assignment.child_by_field_name("left").and_then(|left| self.text_of(left));
        let Some(target) = target else { return };
        let of_exports =
            target.strip_prefix("module.").unwrap_or(&target).strip_prefix("exports.").map(str::to_owned);
        let of_prototype = target.contains(".prototype.").then(|| target.replace(".prototype.", "."));
        if let Some(name) = of_exports.or(of_prototype) {
            self.symbols.push(Symbol { word: "function", name, members: Vec::new(), public: true });
        }
    }
}

/// Whether a node only holds definitions.
fn is_wrapper(kind: &str) -> bool {
    matches!(
        kind,
        "export_statement"
            | "decorated_definition"
            | "preproc_ifdef"
            | "preproc_if"
            | "preproc_else"
            | "linkage_specification"
            | "declaration_list"
            | "type_declaration"
            | "ambient_declaration"
    )
}

fn is_function(kind: &str) -> bool {
    matches!(
        kind,
        "function_item"
            | "function_signature_item"
            | "function_definition"
            | "method_definition"
            | "method_declaration"
            | "method_signature"
            | "abstract_method_signature"
            | "constructor_declaration"
    )
}

/// The language's word for what a node defines; `None` for what the map does not tell.
fn word(language: Language, kind: &str) -> Option<&'static str> {
    Some(match kind {
        "function_item" => "fn",
        "function_definition" if language == Language::Python => "def",
        "function_declaration" if language == Language::Go => "func",
        "function_definition"
        | "function_declaration"
        | "generator_function_declaration"
        | "function_signature" => "function",
        "struct_item" | "struct_specifier" => "struct",
        "enum_item" | "enum_specifier" | "enum_declaration" => "enum",
        "union_item" | "union_specifier" => "union",
        "trait_item" => "trait",
        "type_item" | "type_spec" | "type_alias" | "type_alias_declaration" => "type",
        "type_definition" => "typedef",
        "macro_definition" => "macro",
        "mod_item" => "mod",
        "class_definition" | "class_declaration" | "abstract_class_declaration" => "class",
        "interface_declaration" | "annotation_type_declaration" => "interface",
        "record_declaration" => "record",
        "internal_module" | "module" => "namespace",
        _ => return None,
    })
}
