//! The map of a repository.

use expect_test::expect;
use syndarix_environment::map::{File, wanted, write};

fn files<'a>(files: &[(&'a str, &'a str)]) -> Vec<File<'a>> {
    files.iter().map(|(path, text)| File { path, size: text.len() as u64, text: Some(text) }).collect()
}

#[test]
fn a_map_tells_what_each_file_defines() {
    let map = write(
        &files(&[
            (
                "src/lib.rs",
                "pub mod parser;\npub use parser::Parser;\nfn helper() {}\npub fn parse() -> Parser { todo!() }\n",
            ),
            (
                "src/parser.rs",
                "pub struct Parser<'a> { t: &'a str }\nimpl<'a> Parser<'a> { pub fn new() {} fn next(&self) {} }\nimpl Drop for Parser<'_> { fn drop(&mut self) {} }\npub trait Visit { fn visit(&self); }\nmacro_rules! m { () => {} }\n#[cfg(test)] mod tests { fn t() {} }\n",
            ),
            (
                "py/app.py",
                "import os\n@cached\ndef _hidden(): pass\nclass Shape(Base):\n    def __init__(self): pass\n    @property\n    def area(self): pass\n    def _own(self): pass\nasync def draw(): pass\n",
            ),
            (
                "web/a.ts",
                "export interface Size { width(): number }\nexport const draw = (a: Size) => 1;\nexport default class View { render() {} #own() {} }\ntype Own = string;\nexport enum Kind { A }\nexport const LIMIT = 3;\nfunction own() {}\n",
            ),
            (
                "web/b.tsx",
                "export function Button() { return <b>hi</b>; }\nexport abstract class Base { abstract go(): void; }\n",
            ),
            (
                "web/c.js",
                "exports.area = function () {};\nmodule.exports.size = 3;\nShape.prototype.draw = function () {};\nconst f = () => 1;\nclass Own { go() {} }\n",
            ),
            (
                "go/shape.go",
                "package shape\ntype Shape struct { w int }\nfunc New() *Shape { return nil }\nfunc (s *Shape) Area() int { return 0 }\nfunc (s *Shape) own() {}\nfunc (o Other[T]) Do() {}\n",
            ),
            (
                "java/Shape.java",
                "package org.example;\npublic class Shape {\n  public Shape() {}\n  public int area() { return 0; }\n}\nrecord Size(int w) {}\n",
            ),
            (
                "c/shape.h",
                "#ifndef SHAPE_H\n#define SHAPE_H\nstruct shape { int w; };\ntypedef struct shape shape_t;\nint *area(struct shape *s);\n#endif\n",
            ),
            (
                "c/shape.c",
                "#include \"shape.h\"\nstatic int own(void) { return 0; }\nint *area(struct shape *s) { return 0; }\n",
            ),
            ("broken.rs", "pub fn good() {}\nfn ( { struct \u{fffd}"),
        ]),
        2_000,
    );
    expect![[r"
        11 files, 2 kB: Rust 3, C 2, TypeScript 2, Go 1, Java 1, JavaScript 1, Python 1

        Folders:
        c/ 2 files, 217 B, C
        go/ 1 file, 166 B, Go
        java/ 1 file, 120 B, Java
        py/ 1 file, 173 B, Python
        src/ 2 files, 340 B, Rust
        web/ 3 files, 449 B, TypeScript

        Main files, with what they define:
        c/shape.h (122 B) struct shape, typedef shape_t
        py/app.py (173 B) class Shape { __init__, area }, def draw, def _hidden
        src/lib.rs (92 B) fn parse, fn helper
        broken.rs (34 B) fn good
        src/parser.rs (248 B) struct Parser, impl Parser<'a> { new, next }, trait Visit { visit }, macro m
        web/b.tsx (99 B) function Button, class Base { go }
        c/shape.c (95 B) function area, function own
        go/shape.go (166 B) type Shape { Area }, func New, func Other.Do
        java/Shape.java (120 B) class Shape { Shape, area }, record Size
        web/a.ts (214 B) interface Size { width }, function draw, class View { render }, enum Kind, const LIMIT, type Own, function own
        web/c.js (136 B) function area, function size, function Shape.draw, function f, class Own { go }
    "]].assert_eq(&map);
}

#[test]
fn what_others_mention_comes_first() {
    let map = write(
        &files(&[
            ("a.py", "def unused_thing(): pass\n"),
            ("deep/er/core.py", "class Engine: pass\n"),
            ("u1.py", "from deep.er.core import Engine\n"),
            ("u2.py", "Engine()\n"),
            ("u3.py", "Engine()\n"),
            ("u4.py", "Engine()\n"),
            ("u5.py", "Engine()\n"),
            ("u6.py", "Engine()\n"),
            ("u7.py", "Engine()\n"),
            ("u8.py", "Engine()\n"),
        ]),
        60,
    );
    expect![[r"
        10 files, 139 B: Python 10

        Folders:
        deep/ 1 file, 19 B, Python
        … and 1 more

        Main files, with what they define:
        deep/er/core.py (19 B) class Engine
        a.py (25 B) def unused_thing
        u1.py (32 B)
        u2.py (9 B)
        u3.py (9 B)
        … and 5 more
    "]]
    .assert_eq(&map);
}

#[test]
fn a_map_keeps_to_its_budget() {
    let text = "pub fn one() {}\npub fn two() {}\n".repeat(20);
    let paths: Vec<String> = (0..50).map(|at| format!("crates/c{at}/src/f{at}.rs")).collect();
    let all: Vec<File<'_>> =
        paths.iter().map(|path| File { path, size: 2_000, text: Some(text.as_str()) }).collect();
    for budget in [0, 1, 10, 100, 1_000, 5_000] {
        let map = write(&all, budget);
        assert!(map.len() <= budget * 4, "{} bytes for {budget} tokens", map.len());
        let mut turned = all.clone();
        turned.reverse();
        assert_eq!(map, write(&turned, budget), "the order of the files does not matter");
    }
    expect![[r"
        50 files, 100 kB: Rust 50

        Folders:
        crates/ 50 files, 100 kB, Rust

        Main files, with what they define:
        crates/c0/src/f0.rs (2 kB) fn one, fn two, fn one, fn two, fn one, fn two, fn one, fn two, fn one, fn two, fn one, fn two, fn one, fn two, fn one, fn two, fn one, fn two, fn one, fn two, fn one, fn two, fn one, fn two, fn one, fn two, fn one, fn two, fn one, fn two, fn one …
        … and 49 more
    "]].assert_eq(&write(&all, 100));
    assert_eq!(write(&[], 100), "0 files, 0 B\n");
}

#[test]
fn sources_are_chosen_from_the_root_on() {
    let all = [
        ("src/deep/er/a.rs", 10),
        ("src/main.rs", 10),
        ("src/parser.rs", 10),
        ("build.rs", 10),
        ("tests/it.rs", 10),
        ("src/parser/tests.rs", 10),
        ("vendor/x/lib.rs", 10),
        ("web/app.min.js", 10),
        ("web/types.d.ts", 10),
        ("api/shape.pb.go", 10),
        ("shape_test.go", 10),
        ("huge.py", 3_000_000),
        ("empty.py", 0),
        ("README.md", 10),
        ("Cargo.lock", 10),
    ];
    assert_eq!(wanted(all), ["src/main.rs", "build.rs", "src/parser.rs", "src/deep/er/a.rs"]);
    let many: Vec<String> = (0..1_000).map(|at| format!("f{at}.rs")).collect();
    assert_eq!(wanted(many.iter().map(|path| (path.as_str(), 1))).len(), 400);
    assert_eq!(wanted(many.iter().map(|path| (path.as_str(), 200_000))).len(), 20);
}
