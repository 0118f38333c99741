//! "Did you mean": the key or value that was probably meant.

/// What other tools call our keys.
const CALLED_ELSEWHERE: [(&str, &str); 34] = [
    ("upstream", "to"),
    ("backend", "to"),
    ("proxy_pass", "to"),
    ("service_name", "to"),
    ("hostname", "host"),
    ("hosts", "host"),
    ("prefix", "path_prefix"),
    ("location", "path_prefix"),
    ("bind", "listen"),
    ("servers", "endpoints"),
    ("env", "environment"),
    ("environments", "environment"),
    ("envs", "environment"),
    ("vars", "environment"),
    ("cmd", "command"),
    ("exec", "command"),
    ("run", "command"),
    ("program", "command"),
    ("start", "command"),
    ("replicas", "instances"),
    ("count", "instances"),
    ("numprocs", "instances"),
    ("scale", "instances"),
    ("cwd", "working_folder"),
    ("workdir", "working_folder"),
    ("working_dir", "working_folder"),
    ("working_directory", "working_folder"),
    ("directory", "working_folder"),
    ("requires", "depends_on"),
    ("after", "depends_on"),
    ("healthcheck", "health"),
    ("health_check", "health"),
    ("service", "services"),
    ("data_dir", "data_folder"),
];

/// The nearest of `known`, if one is near enough to be a slip of the finger or another tool's word for it.
pub fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    let known: Vec<&str> = known.collect();
    let elsewhere = CALLED_ELSEWHERE.iter().find(|(word, _)| *word == written).map(|(_, ours)| *ours);
    if let Some(ours) = known.iter().find(|word| Some(**word) == elsewhere) {
        return Some(ours);
    }
    // One slip in a short word, one in three letters of a long one.
    let allowed = (written.chars().count() / 3).max(1);
    let by_distance = known.into_iter().map(|word| (distance(&written, &word.to_lowercase()), word));
    by_distance.filter(|(distance, _)| *distance <= allowed).min_by_key(|(distance, _)| *distance).map(|(_, word)| word)
}

/// How many letters must be changed, added, taken away or swapped with their neighbour to make one word the other.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = changed.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_and_foreign_words_are_understood_and_guesses_are_not_made() {
        // A wrong suggestion sends the reader the wrong way, which is worse than none.
        let keys = ["command", "instances", "environment", "port", "ports", "working_folder", "depends_on", "health"];
        let nearest = |word| nearest(word, keys.into_iter());
        assert_eq!(nearest("comand"), Some("command"));
        assert_eq!(nearest("prot"), Some("port"));
        assert_eq!(nearest("env"), Some("environment"));
        assert_eq!(nearest("replicas"), Some("instances"));
        assert_eq!(nearest("colour"), None);
        assert_eq!(nearest(""), None);
    }
}
