import { serveDns } from '../dns/server.ts'
import type { Program } from '../machine/types.ts'
import { encodeUtf8 } from '../text.ts'
import { headerOf } from '../programs/http/message.ts'
import { serveHttp } from '../programs/http/server.ts'
import { httpDate } from '../programs/http/status.ts'
import { untilSignal } from '../programs/output.ts'
import { certificateOf } from './authority.ts'
import { answerFrom, ECHO_SITES, internetZones, PUBLIC_RESOLVERS } from './zone.ts'

/** What runs on the machine that stands for the internet: a resolver on port 53 and a web server on port 80. The first address is its own, the others its sites'. */
export function internetProgram(addresses: readonly string[], ipv6: readonly string[] = []): Program {
  return function* (process) {
    const zones = internetZones(addresses, ipv6)
    const opendns = PUBLIC_RESOLVERS.find((r) => r.name.endsWith('.opendns.com.'))!
    serveDns(process, { port: 53, program: 'named' }, function* (query, { address, at }) {
      return answerFrom(zones, query, opendns.addresses.includes(at) || opendns.ipv6.includes(at) ? address : undefined)
    })
    for (const { addresses: v4, ipv6: v6, certified } of PUBLIC_RESOLVERS) {
      if (!certified) continue
      for (const address of [...v4, ...v6].filter((a) => process.network.isLocal(a))) {
        serveDns(process, { port: 853, address, program: 'named', tls: () => ({ chain: [certificateOf([...certified, ...v4, ...v6])] }) }, function* (query) {
          return answerFrom(zones, query)
        })
      }
    }
    serveHttp(process, {
      port: 80,
      program: 'httpd',
      handle: (request, respond) => {
        const site = (headerOf(request.headers, 'host') ?? addresses[0]!).replace(/:\d+$/, '')
        const line = ECHO_SITES.get(site)
        if (line !== undefined) {
          const text = encodeUtf8(`${request.remoteAddress}${line}`)
          respond({ status: 200, headers: [['Date', httpDate(process.clock.wall())], ['Content-Type', 'text/plain'], ['Content-Length', String(text.length)], ['Connection', request.keepAlive ? 'keep-alive' : 'close']], body: text })
          return
        }
        const isKnown = zones.some((z) => site === z.name.slice(0, -1) || site.endsWith(`.${z.name.slice(0, -1)}`)) || addresses.includes(site) || ipv6.some((ip) => site === `[${ip}]`)
        const body = encodeUtf8(isKnown ? page(site, request.remoteAddress) : 'Unknown site\n')
        respond({
          status: isKnown ? 200 : 404,
          headers: [
            ['Date', httpDate(process.clock.wall())],
            ['Content-Type', isKnown ? 'text/html; charset=UTF-8' : 'text/plain'],
            ['Content-Length', String(body.length)],
            ['Connection', request.keepAlive ? 'keep-alive' : 'close'],
          ],
          body,
        })
      },
      refuse: () => ({ status: 400, headers: [['Content-Length', '0'], ['Connection', 'close']] }),
    })
    yield* untilSignal(process, ['SIGTERM', 'SIGINT'])
    return 0
  }
}

/** A page that says by which address the outside world saw the visitor. */
function page(site: string, visitor: string): string {
  const title = site === 'info.cern.ch' ? 'http://info.cern.ch' : 'Example Domain'
  return `<!doctype html>
<html>
<head>
    <title>${title}</title>
    <meta charset="utf-8" />
</head>
<body>
<div>
    <h1>${title}</h1>
    <p>This page of ${site} is served by the pretended internet of Podhop.</p>
    <p>You came from ${visitor}.</p>
</div>
</body>
</html>
`
}
