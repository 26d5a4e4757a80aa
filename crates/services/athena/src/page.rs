//! Pages of lists. A token is the name of the last member that was given, so a list that changes
//! between two pages loses and repeats nothing that stays.

use aws::{ApiError, paging};

use crate::error::{Rejection, invalid};

/// The last member of the page before this one.
pub(crate) fn after(token: Option<&str>) -> Result<Option<String>, ApiError> {
    token.map(decode).transpose()
}

fn decode(token: &str) -> Result<String, ApiError> {
    paging::decode(token)
        .ok_or_else(|| invalid(Rejection::Input, format!("The nextPageToken is malformed: {token}")))
}

pub(crate) fn token(last: &str) -> String {
    paging::encode(&last)
}

pub(crate) fn limit(asked: Option<i32>, max: usize) -> usize {
    asked.and_then(|asked| usize::try_from(asked).ok()).filter(|asked| *asked > 0).unwrap_or(max).min(max)
}

/// Cuts `members` (read one beyond the limit) to a page and its token.
pub(crate) fn cut<T>(members: &mut Vec<T>, limit: usize, name: impl Fn(&T) -> String) -> Option<String> {
    if members.len() <= limit {
        return None;
    }
    members.truncate(limit);
    members.last().map(|last| token(&name(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_to_the_member_it_was_made_from_and_no_other_text_does() {
        assert_eq!(after(Some(&token("work group, 물길"))).unwrap().as_deref(), Some("work group, 물길"));
        for foreign in ["abc", "zz", "물길", "6162"] {
            assert!(after(Some(foreign)).is_err(), "{foreign}");
        }
    }

    #[test]
    fn a_page_is_cut_only_when_there_is_more() {
        let mut members = vec!["a", "b", "c"];
        assert_eq!(cut(&mut members, 3, |m| (*m).to_owned()), None);
        let next = cut(&mut members, 2, |m| (*m).to_owned());
        assert_eq!((members, after(next.as_deref()).unwrap().as_deref()), (vec!["a", "b"], Some("b")));
    }
}
