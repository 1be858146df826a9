//! Projects played by a scripted model: a team of some engineers, and as many independent tasks, each of which writes
//! one file.

use serde_json::{Value, json};

use crate::folder::Folder;

/// How long a scene of an agent type takes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Delays {
    pub(crate) vision_ms: u64,
    pub(crate) develop_ms: u64,
}

/// The members beside the engineers.
const OTHERS: [(&str, &str); 6] = [
    ("Olivia", "product_owner"),
    ("Bianca", "business_analyst"),
    ("Arthur", "architect"),
    ("Priya", "project_manager"),
    ("Quinn", "qa"),
    ("Omar", "dev_ops"),
];

/// The tasks of one call to `propose_tasks`, which takes no more than 40.
const PROPOSED_AT_ONCE: usize = 25;

/// Writes brief, configuration, team and scenes into a folder. `syndarix run brief.md` plays them.
pub(crate) fn write(folder: &Folder, engineers: usize, tasks: usize, delays: Delays) {
    folder.write("brief.md", "# Many files\n\nWrite them.\n");
    folder.write(
        "syndarix.toml",
        "[defaults]\nautonomy = \"autonomous\"\nteam = \"team.toml\"\ncheck = \"git diff --quiet HEAD\"\nbudget = 100\n\n\
         [models]\nstrong = [\"rehearsal/main\"]\nbalanced = [\"rehearsal/main\"]\nfast = [\"rehearsal/main\"]\n\n\
         [scripted.rehearsal]\nscenes = [\"scenes.toml\"]\n\n\
         [prices.\"rehearsal/*\"]\ninput = 3\noutput = 15\n",
    );
    let mut team = "version = 1\nname = \"many\"\n".to_owned();
    let engineers = (1..=engineers).map(|number| (format!("Engineer-{number}"), "engineer"));
    for (name, kind) in OTHERS.map(|(name, kind)| (name.to_owned(), kind)).into_iter().chain(engineers) {
        team.push_str(&format!("\n[[agents]]\nname = \"{name}\"\ntype = \"{kind}\"\n"));
    }
    folder.write("team.toml", team);
    folder.write("scenes.toml", toml::to_string(&json!({ "scene": scenes(tasks, delays) })).expect("TOML"));
}

/// A rehearsal's scenes, changed.
pub(crate) fn change(folder: &Folder, change: impl FnOnce(&mut Vec<Value>)) {
    let text = std::fs::read_to_string(folder.join("scenes.toml")).expect("scenes");
    let mut file: Value = toml::from_str(&text).expect("TOML");
    change(file["scene"].as_array_mut().expect("scenes"));
    folder.write("scenes.toml", toml::to_string(&file).expect("TOML"));
}

/// The file that a task writes.
pub(crate) fn file(task: usize) -> String {
    format!("file-{task}.txt")
}

/// The name that the team gives a task.
pub(crate) fn slug(task: usize) -> String {
    format!("file-{task}")
}

fn scenes(tasks: usize, delays: Delays) -> Vec<Value> {
    let finish = |summary: &str| json!({ "name": "finish", "arguments": { "summary": summary } });
    let document = |name: &str| json!({ "name": "write_artifact", "arguments": { "name": name, "content": "# As the brief says\n" } });
    let scene = |stage: &str, turn: usize, delay_ms: u64, calls: Vec<Value>| {
        json!({ "stage": stage, "turn": turn, "delay_ms": delay_ms, "tool_calls": calls,
                "usage": { "input_tokens": 1000 + turn, "output_tokens": 100 + turn } })
    };
    let all: Vec<usize> = (1..=tasks).collect();
    let slugs: Vec<String> = all.iter().map(|task| slug(*task)).collect();

    let mut scenes =
        vec![scene("vision", 0, delays.vision_ms, vec![document("vision.md"), finish("Files.")])];
    let batches = all.chunks(PROPOSED_AT_ONCE);
    let ends = batches.len();
    for (turn, batch) in batches.enumerate() {
        let proposals: Vec<Value> = batch
            .iter()
            .map(|task| {
                json!({ "slug": slug(*task), "title": format!("Write file {task}"),
                                "description": "One file.", "role": "engineer" })
            })
            .collect();
        let propose = json!({ "name": "propose_tasks", "arguments": { "tasks": proposals } });
        scenes.push(scene("requirements", turn, 0, vec![propose]));
    }
    scenes.push(scene("requirements", ends, 0, vec![document("requirements.md"), finish("Many.")]));
    scenes.push(scene("architecture", 0, 0, vec![document("architecture.md"), finish("Flat.")]));
    let plan = json!({ "name": "plan_sprint", "arguments": { "goal": "All files", "tasks": slugs } });
    scenes.push(scene("plan", 0, 0, vec![plan, finish("All at once.")]));
    for task in all {
        let write = json!({ "name": "write_file",
                            "arguments": { "path": file(task), "content": format!("{task}\n") } });
        let commit =
            json!({ "name": "git_commit", "arguments": { "message": format!("Write file {task}") } });
        let mut develop = scene("develop", 0, delays.develop_ms, vec![write, commit]);
        develop["task"] = slug(task).into();
        scenes.push(develop);
    }
    scenes.push(scene("develop", 1, 0, vec![finish("Written and committed.")]));
    let verdict =
        json!({ "name": "submit_review", "arguments": { "verdict": "approve", "comments": "One file." } });
    scenes.push(scene("review", 0, 0, vec![verdict]));
    let passed = json!({ "name": "report_qa", "arguments": { "passed": true, "findings": [] } });
    scenes.push(scene("qa", 0, 0, vec![passed]));
    scenes.push(scene("deliver", 0, 0, vec![document("delivery.md"), finish("Delivered.")]));
    scenes
}
