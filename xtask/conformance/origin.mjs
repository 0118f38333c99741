// The origin as Node reads HTTP/1.1: notes what it is asked, one JSON object a line, and names it in the answer.
import fs from 'node:fs'
import http from 'node:http'

const notes = fs.openSync(process.env.CONFORMANCE_NOTES, 'a')
const server = http.createServer((request, response) => {
  const parts = []
  request.on('data', (part) => parts.push(part))
  request.on('end', () => {
    const hosts = []
    for (let place = 0; place < request.rawHeaders.length; place += 2) {
      if (request.rawHeaders[place].toLowerCase() === 'host') hosts.push(request.rawHeaders[place + 1])
    }
    const seen = { method: request.method, target: request.url, hosts, body: Buffer.concat(parts).toString('base64') }
    fs.writeSync(notes, JSON.stringify(seen) + '\n')
    const answer = Buffer.from(`saw ${request.url.slice(0, 40)} end`, 'latin1')
    response.writeHead(200, { 'content-type': 'text/plain', 'content-length': answer.length })
    response.end(answer)
  })
})
server.listen(Number(process.argv[2]), '127.0.0.1')
