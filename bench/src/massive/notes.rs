//! What the rows mean, what bounds them, what is unfair about them and what they do not cover: for the reader of the page.

/// The notes.
pub fn notes() -> Vec<String> {
    NOTES.map(str::to_owned).to_vec()
}

const NOTES: [&str; 15] = [
    "Success alone says nothing: where the bad endpoints can be told apart, nine attempts of ten give 100 %; where every attempt \
     fails by itself with 80 %, nobody gets more than a fifth of the attempts. So the score is what is lost to an oracle that is told \
     who works, at 1.5 attempts a request at most.",
    "Backends: ten HTTP/1.1 endpoints in one process, 12 slots each (tight) or 64 (roomy); over them a 503 at once. Good answers take \
     0.5 to 3 s (uniform), or 20 ms in the median and 300 ms at the 99th percentile (lognormal). Eight broken endpoints are one that \
     nobody listens at, two with a 500 at once, one with a 500 after 1 s, two that hang, one that breaks off half-way and one that answers 200 \
     with the wrong body; who is which is drawn by the seed. What an attempt meets is decided when it arrives. Faults but the wrong \
     body take no slot.",
    "Schedules: static80; switch80 (every 30 s another two of ten work; the start is no switch); switch-once (one switch at half time); flap (each endpoint on and off, 10 s in the \
     mean); iid80 (each attempt fails by itself); recover (nothing works for a third of the run, then everything); overload (static80 \
     with 1.2 times what survives); burst (5,000 requests at once after ten quiet seconds of static80); healthy.",
    "Load: requests come by themselves (Poisson, open loop), at the given share of what the surviving slots bear; flap is reckoned with \
     five endpoints, recover and iid80 with two, roomy rows get the load of the tight ones. One in ten is a POST, which fails if it reaches \
     a backend twice, even after a 503. A fifth is critical, two fifths normal, the rest low. A request counts from when it was due; after \
     5 s its client goes away.",
    "All subjects of a seed are sent the same requests at the same times, and the same attempt at a request takes the same time \
     everywhere. Figures are medians over the seeds with the lowest and highest.",
    "Attempts are counted where they arrive, by the backends. Connections that were refused reach nobody: libraries tell theirs, \
     nginx's are read from its error log, Envoy's and HAProxy's from their statistics; they are in `attempts`, and for the three proxies \
     not in `in any 10 s`, since their books have no times. `at healthy` are those that found a working endpoint. `wasted` are seconds \
     that backends were busy with what nobody used.",
    "`to 90 %`: whole seconds after a switch (the start, where there is none) until 90 % of what arrives in three seconds ends well; the \
     whole time that there was, if never. `to 99 %`: the same when everything works again.",
    "Bounds: the oracle is told at every moment who works, asks the emptiest of those, and one more after a 503; it has no queue, so \
     at high load others can beat it by waiting. `oracle-queue` is also told the slots, and lets requests wait before them, the most \
     important first: the bound under overload and in a burst. Broadcast asks all ten at once, but a POST only one.",
    "Libraries (ours, tower-resilience, the oracle, no policy) run in the same small gateway with the same transport on one thread, and \
     judge an answer by its body. Proxies cannot do that: the endpoint with the wrong body counts as healthy for them, so that a third of what \
     they send goes there even when they have found out all others; `switch80-plain` is the same without it. Ours judges a 503 as full, and tower-resilience is told to.",
    "Proxies: nginx, HAProxy and Envoy with one worker, as they come and tuned; what is tuned and why stands in bench/peers/massive, \
     for anyone to correct. None has a health check by request: backends whose checks lie are part of the failure. tower-resilience is \
     composed as its guide advises (bench/src/massive/policy/tower.rs), with thresholds and delays for these latencies.",
    "The gateway: `homeostat-gateway` is the program that is shipped, run as `homeostat gateway run` with a section `[gateway]` that says \
     where the endpoints are, and every policy as it comes; `homeostat-gateway-tuned` reads answers to their end before it believes \
     them (`whole_answer`), and is told which header says how important a request is, as the library's caller says it. Its policies are the library's. What it knows less than the library's caller is the body: like every \
     proxy it believes the endpoint that lies, which is most of its distance to the library wherever there is one (`switch80-plain` has \
     none). As it comes it also passes on an answer that breaks off half-way, and doubts the endpoint afterwards.",
    "`prototype` is what one writes in an afternoon: an estimate of success for each endpoint that fades within seconds, an optimistic \
     draw by it, another attempt beside the first at the 70th percentile of good answers, three at once at most, the next endpoint at once after a \
     failure, each endpoint once, and no budget. `switch-once` is the milder test for which such a one was first \
     written: one switch at half time, 12 requests a second, nobody lies or refuses, no POST.",
    "Ours: `homeostat` is the stack without any configuration; `homeostat-tuned` leaves out up to 80 % of the \
     endpoints. The ablation: no policy; time limits and retries by chance; and a breaker for each endpoint; the stack without \
     limiter, with a budget that is never spent and without eternal mode; everything.",
    "Runs of slow answers go side by side, each with backends of its own: with 60 of them two processors are half busy, and goodput does \
     not suffer. Processor time is the process's own, but a request at ten a second also pays for timers and cold caches: compare it \
     within a table, and rely on the healthy rows of the ablation, which like the bursts run one at a time. Where the load before the run, which stands above, \
     is more than two, others were at work on this machine: then times of a few milliseconds and processor time are the machine's as much as a \
     subject's, bursts and healthy rows are pessimistic for all, and goodput of slow answers still compares.",
    "Not covered: real networks with loss and delay, TLS, HTTP/2, bodies of more than 512 bytes, more than ten endpoints, several \
     clients that share endpoints, health checks, priorities and adaptive concurrency in proxies, and the lognormal profile under \
     switches.",
];
