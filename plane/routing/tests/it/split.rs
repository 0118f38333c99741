//! Splits: everybody's share, and who moves when weights change.

use homeostat_routing::settings::Gateway;
use homeostat_routing::split::Split;
use homeostat_routing::{Action, Table};
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

fn table(weights: &[(&str, u32)], sticky: &str) -> Table {
    let sides: Vec<String> = weights.iter().map(|(name, weight)| format!("{name} = {weight}")).collect();
    let text = format!("[routes.r]\nsplit = {{ {} }}\n{sticky}\n", sides.join(", "));
    Table::compile(&toml::from_str::<Gateway>(&text).unwrap()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn split(table: &Table) -> &Split {
    let Action::Forward(split) = &table.routes()[0].action else { panic!("a route that forwards") };
    split
}

fn user(id: u64) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-user", HeaderValue::from(id));
    headers
}

fn side(table: &Table, headers: &HeaderMap, chance: u64) -> String {
    let dealt = split(table).deal(headers, chance);
    table.upstream(dealt.upstream).name.to_string()
}

#[test]
fn shares_come_out_as_the_weights_say() {
    // Would break: a canary of one percent gets a third of the users.
    let (plain, marked) =
        (table(&[("a", 90), ("b", 10)], ""), table(&[("a", 90), ("b", 10)], "sticky = { header = \"X-User\" }"));
    let count = |table: &Table, by_user: bool| {
        let dealt = (0..20_000_u64).filter(|id| {
            let headers = if by_user { user(*id) } else { HeaderMap::new() };
            side(table, &headers, id.wrapping_mul(0x9e37_79b9_7f4a_7c15)) == "b"
        });
        dealt.count()
    };
    // Four standard deviations of a binomial with p = 0.1 and 20,000 draws are 170.
    assert!((1_830..=2_170).contains(&count(&plain, false)), "{}", count(&plain, false));
    assert!((1_830..=2_170).contains(&count(&marked, true)), "{}", count(&marked, true));
    let off = table(&[("a", 1), ("b", 0)], "");
    assert!((0..1_000).all(|chance| side(&off, &HeaderMap::new(), chance) == "a"), "a side of weight 0 gets nothing");
}

#[test]
fn a_cookie_keeps_a_client_where_it_was_first() {
    // Would break: a client sees the new page and the old one in turns.
    let table = table(&[("a", 50), ("b", 50)], "sticky = { cookie = { name = \"side\", age_max = \"1h\" } }");
    for chance in 0..200 {
        let first = split(&table).deal(&HeaderMap::new(), chance);
        let cookie = first.set_cookie.unwrap();
        assert!(cookie.ends_with("; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax"), "{cookie}");
        let mut headers = HeaderMap::new();
        let value = cookie.split(';').next().unwrap();
        headers.insert("cookie", HeaderValue::from_str(&format!("x=1; {value};y=2")).unwrap());
        let second = split(&table).deal(&headers, chance + 1);
        assert_eq!((second.upstream, second.set_cookie), (first.upstream, None));
    }
}

proptest! {
    #[test]
    fn a_side_that_gains_takes_from_others_and_others_keep_theirs(
        weights in prop::array::uniform4(1_u32..100), more in 1_u32..100, gains in 0_usize..4,
    ) {
        // Would break: moving a canary from 10 to 20 percent throws half of all users to another side.
        let names = ["a", "b", "c", "d"];
        let sticky = "sticky = { header = \"X-User\" }";
        let before: Vec<_> = names.iter().copied().zip(weights).collect();
        let mut after = before.clone();
        after[gains].1 += more;
        let (before, after) = (table(&before, sticky), table(&after, sticky));
        for id in 0..100 {
            let (was, is) = (side(&before, &user(id), 0), side(&after, &user(id), 0));
            prop_assert!(was == is || is == names[gains], "{} went from {} to {}", id, was, is);
        }
    }
}
