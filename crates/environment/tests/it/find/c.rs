use expect_test::expect;

use super::check;

#[test]
fn cmake_is_configured_built_and_tested() {
    check(
        &[
            ("CMakeLists.txt", "project(a)\noption(A_BUILD_TESTS \"Build tests\" OFF)\nenable_testing()\n"),
            ("build/keep", ""),
        ],
        &expect![[r"
            [] [C] with 
              Build: cmake -S . -B _build -DA_BUILD_TESTS=ON (CMakeLists.txt)
              Build: cmake --build _build (CMakeLists.txt)
              Tests: ctest --test-dir _build --output-on-failure (CMakeLists.txt)
        "]],
    );
    check(
        &[("CMakeLists.txt", "project(a)\nFetchContent_Declare(x)\ninclude(CTest)\n")],
        &expect![[r"
        [] [C] with 
          set up: cmake -S . -B build (CMakeLists.txt)
          Build: cmake -S . -B build (CMakeLists.txt)
          Build: cmake --build build (CMakeLists.txt)
          Tests: ctest --test-dir build --output-on-failure (CMakeLists.txt)
    "]],
    );
}

#[test]
fn meson_and_autotools() {
    check(
        &[("meson.build", "project('a')\ntest('t', exe)\n")],
        &expect![[r"
        [] [C] with 
          Build: meson setup build (meson.build)
          Build: meson compile -C build (meson.build)
          Tests: meson test -C build (meson.build)
    "]],
    );
    check(
        &[("configure.ac", ""), ("Makefile.am", "")],
        &expect![[r"
        [] [C] with 
          Build: autoreconf --install (configure.ac)
          Build: sh ./configure (configure.ac)
          Build: make (configure.ac)
          Tests: make check (configure.ac)
        missing: autoreconf (configure.ac)
    "]],
    );
}

#[test]
fn a_makefile_counts_where_it_has_a_target_for_tests() {
    check(
        &[("Makefile", "all: a\n\ntest: a\n\t./a\n")],
        &expect![[r"
        [] [C] with 
          Tests: make test (Makefile:3)
    "]],
    );
    check(
        &[("Makefile", "all: a\ntest := 1\n")],
        &expect![[r"
            nothing
        "]],
    );
}
