use expect_test::expect;

use super::check;

#[test]
fn maven_runs_a_test_of_each_module_to_fetch_what_runs_them() {
    check(
        &[
            ("pom.xml", "<project><maven.compiler.release>17</maven.compiler.release></project>"),
            ("core/pom.xml", ""),
            ("core/src/test/java/x/AbstractCoreTest.java", ""),
            ("core/src/test/java/x/CoreTest.java", ""),
            ("core/src/test/java/x/OtherTest.java", ""),
            ("old/src/test/java/x/OldTestCase.java", ""),
            ("web/src/test/java/x/WebTests.java", ""),
        ],
        &expect![[r"
            [] [Java] with java
              set up: mvn -B -Dmaven.test.failure.ignore=true -DfailIfNoTests=false -Dsurefire.failIfNoSpecifiedTests=false -Dtest=CoreTest,OldTestCase,WebTests test (pom.xml)
              Tests: mvn -o -B test (pom.xml)
        "]],
    );
}

#[test]
fn wrappers_are_run_by_a_shell() {
    check(
        &[("pom.xml", "<project/>"), ("mvnw", "#!/bin/sh\n")],
        &expect![[r"
        [] [Java] with java
          set up: sh ./mvnw -B -Dmaven.test.failure.ignore=true -DfailIfNoTests=false -Dsurefire.failIfNoSpecifiedTests=false -Dtest=NoSuchTest test (mvnw)
          Tests: sh ./mvnw -o -B test (mvnw)
    "]],
    );
    check(
        &[("settings.gradle.kts", ""), ("gradlew", ""), ("app/build.gradle.kts", "")],
        &expect![[r"
        [] [Java] with java
          set up: sh -c sh ./gradlew --no-daemon --continue test || sh ./gradlew --no-daemon testClasses (gradlew)
          Tests: sh ./gradlew --offline --no-daemon test (gradlew)
        note: gradlew has no gradle/wrapper/gradle-wrapper.jar beside it and may not start
    "]],
    );
}
