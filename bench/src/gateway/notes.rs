//! What the figures mean and how they were taken: for the reader of the page.

/// The notes, in the order of the tables.
pub fn notes() -> Vec<String> {
    NOTES.map(str::to_owned).to_vec()
}

const NOTES: [&str; 10] = [
    "Every subject has one worker, on a processor of its own beside whatever else the machine does; connections are kept on both sides, \
     access logs are off (but for `homeostat full`), counters are on where that is the default. The configurations are in `bench/peers/gateway`, for anyone to \
     correct. Backend and load client are our own, on raw sockets, on the other processors. Every answer is checked for its status and \
     length.",
    "CPU: what all processes and threads of a subject have used, user and system, by the kernel's count, divided by the requests: median \
     of the rounds with the lowest and highest. Rounds are interleaved, all subjects in one run, always with 32 requests under way; a \
     round has 30,000 requests, or 6,000 of 64 KiB. More than half of it is the kernel's work for the four system calls that every \
     subject needs for a request: receive and send, on both sides.",
    "Over TLS the load client is h2load of Debian: 32 connections of HTTP/1.1, or 4 of HTTP/2 with 8 requests each. It makes new \
     connections for a round, so that their handshakes (P-256) are in the figure: less than one microsecond a request.",
    "`homeostat full` is the whole chain of policies, asked by a client with a token: the resilience of `homeostat` (deadline, retries and \
     hedges from one budget, breaker, learned limit as the bulkhead, balancer) over two endpoints, which are two addresses of the same \
     backend, with active health checks; a signed token (ES256, keys from a file), two rate limits (by address and by header) that tell \
     what is left, CORS, an id and a trace for each request, counters to be scraped, and a log to a file of one request in a hundred. \
     Its requests are longer by the token, the origin and a header, about 400 bytes. A token that was verified is believed for a minute, so \
     that its signature is checked once a minute and not once a request. The peers beside it have none of all that.",
    "Bare hyper is the floor that a gateway on hyper can reach: hyper's server and client in one thread with a pool between them, and no \
     timeouts, limits, metrics or checks. `inline`: the connection to the backend is driven by the request that uses it; `spawned`: by \
     a task of its own.",
    "Cached: nginx keeps answers in files, which is the page cache of the kernel; Varnish in memory, with threads of its own and its log \
     in shared memory, as it comes. It cannot be held to one thread.",
    "Memory: of the processes alone, without what the kernel keeps for a socket. Each guest has had one answer and stays. A connection's \
     bytes are the growth of the proportional set (PSS) divided by the guests.",
    "Latency: 10,000 open connections, requests come by themselves (open loop), each counts from when it was due; the load client's \
     timer has a millisecond, which is in all figures alike. `added` is the difference to the backend asked directly in the same round. \
     All on one machine: load client, subject and backend share the processors, so the 99th percentile is much of it the scheduler's.",
    "Changes: 64 guests ask, with pauses of 10 ms, while the subject takes on its configuration every second, or a new process takes over \
     every other second. `failed` are requests lost \
     for any client; a kept connection that is closed just as a request is sent is counted apart, since HTTP/1.1 allows that and a \
     careful client asks again.",
    "How far apart runs are: forwarding over HTTP/1.1 was measured four times within two days, with code that differs little at small \
     sizes; ours at 128 B came to 1.12, 1.31, 1.26 and 1.26 times nginx's, at 1 KiB to 1.15, 1.20, 1.06 and 1.21. A difference of a \
     tenth between two subjects is chance as much as it is theirs. At 64 KiB it came to 1.10, 1.15 and 1.17, and to 0.65 since large \
     answers are read and written in one piece.",
];
