//! Who is in a project's team: read once per project, not once per run.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use syndarix_core::blob::BlobHash;
use syndarix_core::id::{AgentId, ProjectId};
use syndarix_core::ports::Blobs;
use syndarix_core::project::Project;
use syndarix_core::role::Role;
use syndarix_store::Store;
use tokio::sync::OnceCell;

use crate::error::Error;
use crate::team::{StaffedAgent, Team, TeamError};

/// Teams kept, those used last. As many projects at once are more than one machine works on; the next one only
/// reads its team again.
const KEPT: usize = 32;

/// A member of a team, as the others know it.
#[derive(Debug)]
pub(crate) struct Colleague {
    pub(crate) id: AgentId,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) agent_type: String,
}

/// A project's team, with the ids that its members have there. Neither changes while the project lives.
#[derive(Debug)]
pub(crate) struct Roster {
    pub(crate) team: Team,
    pub(crate) colleagues: Vec<Colleague>,
}

impl Roster {
    fn new(project: &ProjectId, team: Team) -> Result<Self, TeamError> {
        let colleague = |member: &StaffedAgent| {
            Ok(Colleague {
                id: project.agent(&member.name).map_err(|error| TeamError::stored(&error.to_string()))?,
                name: member.name.clone(),
                role: member.role,
                agent_type: member.agent_type.clone(),
            })
        };
        let colleagues = team.staff().iter().map(colleague).collect::<Result<_, TeamError>>()?;
        Ok(Self { team, colleagues })
    }

    /// The member with this id.
    pub(super) fn member(&self, id: &AgentId) -> Option<&StaffedAgent> {
        let at = self.colleagues.iter().position(|colleague| colleague.id == *id)?;
        self.team.staff().get(at)
    }
}

type Key = (ProjectId, BlobHash);
type Slot = Arc<OnceCell<Arc<Roster>>>;

/// The teams of the projects that were worked on last.
#[derive(Debug, Default)]
pub(super) struct Rosters {
    slots: Mutex<VecDeque<(Key, Slot)>>,
}

impl Rosters {
    /// A project's team. However many runs ask at once, it is read once.
    pub(super) async fn of(&self, store: &Store, project: &Project) -> Result<Arc<Roster>, Error> {
        let slot = self.slot((project.id.clone(), project.team.clone()));
        let read = slot.get_or_try_init(|| async {
            let file = Blobs::get(store, &project.team).await?;
            let team = Team::from_toml(&String::from_utf8_lossy(&file))?;
            Ok::<_, Error>(Arc::new(Roster::new(&project.id, team)?))
        });
        Ok(Arc::clone(read.await?))
    }

    /// The place for what belongs to a key, in front of the others; the one used longest ago makes room.
    fn slot(&self, key: Key) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let found = slots.iter().position(|(known, _)| *known == key).and_then(|at| slots.remove(at));
        let (key, slot) = found.unwrap_or_else(|| (key, Slot::default()));
        slots.push_front((key, Arc::clone(&slot)));
        slots.truncate(KEPT);
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> Key {
        (ProjectId::new(format!("p-{number}")).expect("an id"), BlobHash::of(b"team"))
    }

    #[test]
    fn the_teams_used_last_are_kept_and_no_more() {
        let rosters = Rosters::default();
        let first = rosters.slot(key(0));
        for number in 1..KEPT {
            rosters.slot(key(number));
        }
        assert!(Arc::ptr_eq(&first, &rosters.slot(key(0))), "it is still there, and in front again");
        rosters.slot(key(KEPT));
        assert!(Arc::ptr_eq(&first, &rosters.slot(key(0))), "another one made room");
        assert_eq!(rosters.slots.lock().expect("not poisoned").len(), KEPT);
        let kept = |number| {
            rosters.slots.lock().expect("not poisoned").iter().any(|(known, _)| *known == key(number))
        };
        assert_eq!((kept(1), kept(2)), (false, true));
    }

    #[test]
    fn members_are_found_by_the_ids_they_have_in_the_store() {
        let project = ProjectId::new("p").expect("an id");
        let roster = Roster::new(&project, Team::default_team()).expect("good names");
        let kate = roster.member(&project.agent("Kate").expect("an id")).expect("in the team");
        assert_eq!(kate.name, "Kate");
        assert!(roster.member(&project.agent("Nobody").expect("an id")).is_none());
    }
}
