import { beforeAll, describe } from 'vitest'
import { sameAs, twoWorlds, type Mask } from './nettools/compare.ts'
import { transcriptOf } from './referee/transcript.ts'

/** What curl sends, keeps, tries again and fails at, and what conntrack tells of it, against Debian 12's own. */
const transcript = transcriptOf('nettools-transfers')

const spent: Mask = (text) =>
  text.replace(/after \d+ ms/g, 'after N ms').replace(/after \d+ milliseconds/g, 'after N milliseconds').replaceAll('\r\n', '\n').replaceAll('\r', '\n').replace(/^.*(--:--:--|\d:\d\d:\d\d).*\n/gm, '').replace(/-{24}[0-9a-f]{16}/g, 'BOUNDARY').replace(/host: 0x[0-9a-f]+/g, 'host: 0xN').replace(/expire \d+/g, 'expire N').replace(/\t\d{9,}\t/g, '\tN\t').replace(/OpenSSL\/3[.\d]+/g, 'OpenSSL')
const page = (status: string, headers: string, body: string): string => `HTTP/1.1 ${status}\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`

const SERVERS: Readonly<Record<number, string | null>> = {
  5900: page('200 OK', '', 'hello'), 5901: page('503 Service Unavailable', 'Connection: close\r\n', 'no\n'), 5902: page('206 Partial Content', 'Content-Range: bytes 0-2/5\r\n', 'hel'),
  5903: page('200 OK', 'Content-Disposition: attachment; filename="x.txt"\r\nSet-Cookie: aa=b; Path=/; Max-Age=1000\r\nSet-Cookie: c=d\r\nSet-Cookie: e=f; HttpOnly\r\nSet-Cookie: g=h; Domain=other.test\r\nSet-Cookie: i=j; Secure\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n', 'hello'),
  5904: null, 5905: `HTTP/1.1 100 Continue\r\n\r\n${page('200 OK', '', 'hello')}`, 5906: page('302 Found', 'Location: /x\r\n', ''), 5907: page('401 Unauthorized', 'WWW-Authenticate: Basic realm="x"\r\n', 'no'), 5908: page('304 Not Modified', '', ''),
  5909: page('503 Service Unavailable', 'Retry-After: 1\r\nConnection: close\r\n', 'no\n'), 5910: 'garbage\r\n\r\n', 5911: page('302 Found', 'Location: http://10.244.2.2:5900/y\r\nConnection: close\r\n', ''),
}

describe('the real ones agree', () => {
  const worlds = twoWorlds({ also: ['cat', 'truncate'], settle: 1000, prepare: async (world) => {
    world.file('p1', '/etc/hostname', 'content of it\n')
    world.file('p1', '/etc/hosts', '<html>\n')
    world.file('p1', '/etc/networks', 'machine 10.244.2.2 login joe password secret\n')
    world.file('p1', '/etc/issue', `# options\nurl = "http://10.244.2.2:5950/plain"\n-s\nheader = "X-A: 1"\nwrite-out "%{http_code}\\n"\n`)
    await world.site('p3', 5950, {
      '/plain': page('200 OK', '', 'hello'), '/part': page('200 OK', '', '0123456789'), '/part RANGE': page('206 Partial Content', 'Content-Range: bytes 4-9/10\r\n', '456789'), '/past': page('200 OK', '', 'hello'), '/past RANGE': page('416 Range Not Satisfiable', '', 'no'),
    })
    for (const [port, answer] of Object.entries(SERVERS)) await world.serve('p3', Number(port), answer)
  } })
  const same = sameAs(worlds, transcript)
  const at = (port: number): string => `http://10.244.2.2:${port}`

  describe('on what it sends', () => {
    same('p1', [
      `curl -sv -m 0.5 -F a=b -F f=@/etc/hostname ${at(5904)}/`, `curl -sv -m 0.5 -F a=b -F 'f=@/etc/hostname;type=text/html;filename=x"y.txt' -F 'g=</etc/hosts' ${at(5904)}/`, `curl -sv -m 0.5 -F 'a=b;type=application/json' -F 'c="x;y";type=text/plain' --form-string 'd=@e;type=f' ${at(5904)}/`, `curl -F 'a=b;c' ${at(5900)}/`,
      `curl -sS -F f=@nope ${at(5900)}/`, `curl -s -F f=@nope ${at(5900)}/`, `curl -F nope ${at(5900)}/`, `curl -sS -F a=b -d c ${at(5900)}/`, `curl -F a=b -d c ${at(5900)}/`, `curl -I -d c ${at(5900)}/`, `curl -I -F a=b ${at(5900)}/`, `curl -T /etc/hosts -d c ${at(5900)}/`,
      `curl -sv -T /etc/hostname ${at(5900)}/up/`, `curl -sv -T /etc/hostname ${at(5900)}`, `curl -sv -T /etc/hostname ${at(5900)}/up?a=b`, `curl -sS -T nope ${at(5900)}/`, `curl -sv -T /etc/hostname ${at(5905)}/`, `curl -sv -T /etc/hostname ${at(5907)}/`,
      `curl -sv --expect100-timeout 0.3 -m 1 -T /etc/hostname ${at(5904)}/`, `curl -sv -H 'Expect: 100-continue' -d x ${at(5905)}/`, `curl -si -H 'Expect: 100-continue' -d x ${at(5905)}/`, `curl --expect100-timeout x ${at(5900)}`, `curl -sv -L -d x ${at(5911)}/`, `curl -sv -L -X POST -d x ${at(5911)}/`, `curl -sv -L -T /etc/hosts ${at(5911)}/`,
      `curl -sv -r 0-2 -u a:b ${at(5902)}/`, `curl -sv -r 3 ${at(5900)}/`, `curl -r 3 ${at(5900)}/`, `curl -r a-b ${at(5900)}/`, `curl -sv --http2 -b a=b -z '21 Oct 2015 08:00:00 GMT' -H 'X-A: 1' ${at(5900)}/`, `curl -sv --http3 ${at(5900)}/`,
      `curl -sv -z '22 Oct 2015' ${at(5903)}/`, `curl -sv -z '-21 Oct 2014' ${at(5903)}/`, `curl -sv -z 20151020 ${at(5903)}/`, `curl -z gibberish ${at(5900)}/`, `curl -sS -z 2015-10-22 ${at(5900)}/`, `curl -sv -z 'Wed, 21 Oct 2015 07:28:00 GMT' ${at(5908)}/`,
    ], spent)
  })

  describe('on what it keeps', () => {
    same('p1', [
      `curl -sv -c jar -b x=y ${at(5903)}/p/q`, 'curl -sv -c - -b jar http://10.244.2.2:5900/p/q', `curl -sv -b jar -b z=1 ${at(5900)}/p/r`, `curl -sv -b jar ${at(5900)}/`, `curl -sv -b nope ${at(5900)}/`, `curl -sv -b jar -c jar ${at(5903)}/p/q`, `curl -sv -c /dev/null/jar ${at(5900)}/`,
      `curl -sSOJ ${at(5903)}/a`, `curl -OJ ${at(5903)}/a`, `curl -sSOJ ${at(5903)}/a`, `curl -sOi ${at(5903)}/a1`, `curl -OJi ${at(5900)}/a`, `curl -sSO ${at(5900)}/`, `curl -O ${at(5900)}`, `curl -sSOJ -w '%{filename_effective}' ${at(5900)}/b`,
      `curl -sS -o d/e/f ${at(5900)}/`, `curl -svo d/e/f ${at(5900)}/`, `curl -o d/e/f ${at(5900)}/`, `curl -sS --create-dirs -o d/e/f ${at(5900)}/`, `curl -sS -o /nope/x ${at(5900)}/`,
      `curl -sv --max-filesize 3 ${at(5900)}/`, `curl -sS --max-filesize 3k ${at(5900)}/`, `curl --max-filesize x ${at(5900)}/`, `curl --limit-rate 3x ${at(5900)}/`, `curl --limit-rate y ${at(5900)}/`, `curl -sS --limit-rate 3 ${at(5900)}/`,
    ], spent)
  })

  describe('on what it tries again, and fails at', () => {
    same('p1', [
      `curl --retry 1 ${at(5901)}/`, `curl -sS --retry 1 ${at(5901)}/`, `curl -f --retry 1 --retry-delay 1 ${at(5901)}/`, `curl --retry 1 ${at(5909)}/`, `curl --retry 1 ${at(5999)}/`, `curl --retry 1 --retry-connrefused ${at(5999)}/`, `curl --retry 1 --retry-all-errors -f ${at(5907)}/`,
      `curl --retry 1 --retry-delay 1 -m 0.5 ${at(5904)}/`, `curl --retry x ${at(5900)}/`, `curl --retry-delay x ${at(5900)}/`, `curl --retry 3 --retry-max-time 1 ${at(5901)}/`, `curl --max-redirs x ${at(5900)}/`, `curl --retry 1 -o out ${at(5901)}/`,
      `curl -svf ${at(5907)}/`, `curl -sv ${at(5910)}/`, `curl -sS -L --max-redirs 0 ${at(5906)}/`, `curl -sS https://10.244.2.2:5900/`, `curl -sS ftpx://10.244.2.2/`, 'curl -sS http://', 'curl -sS http://10.244.2.2:99999/', `curl -sv -L -w '%{num_redirects} %{num_connects} %{size_header} %{size_request} %{http_code}' ${at(5911)}/`,
    ], spent)
  })

  describe('on several, and the rest of one', () => {
    const site = 'http://10.244.2.2:5950'
    same('p1', [
      `curl -s ${site}/plain --next -d a=b ${site}/echo`, `curl -s --netrc-file /etc/networks ${site}/echo`, `curl -sv --netrc-file /etc/networks ${site}/echo`, `curl -sv --netrc-file nope ${site}/plain`, `curl -s --netrc-file /etc/networks -u a:b ${site}/echo`, `curl -s --netrc-file /etc/networks --netrc-optional ${site.replace('//', '//bob:x@')}/echo`, `curl -sv --stderr - ${site}/plain`, `curl -sS --stderr /nope/x ${site}/plain`, 'curl --stderr', `curl -s ${site}/plain -: -I ${site}/plain`, `curl -sv -H 'X-A: 1' ${site}/plain --next ${site}/echo`, `curl -s ${site}/plain --next`, `curl -s ${site}/nope -f --next ${site}/plain`, 'curl -K /etc/issue', `curl -K /etc/issue ${site}/echo`, 'curl -sK /etc/issue', 'curl -K /nope', 'curl -K', `curl -s -Z ${site}/plain ${site}/plain`, `curl -sS -Z --parallel-max 1 ${site}/plain ${site}/echo`, 'curl -sS -Z http://10.244.2.2:5998/', `curl --parallel-max x ${site}`,
      `curl -s -o part ${site}/part`, 'truncate -s 4 part', `curl -sS -C - -o part ${site}/part`, 'cat part', `curl -sv -C 4 ${site}/part`, `curl -sS -C 3 ${site}/plain`, `curl -sS -C 5 -o past ${site}/past`, `curl -C x ${site}/plain`, `curl -sS -C - -o fresh ${site}/plain`, `curl -sS --proto =https ${site}/plain`, `curl -sS --proto -all,http ${site}/plain`, `curl -s --proto '=http,https' ${site}/plain`,
      `curl -sG --data-urlencode 'q=a b&c' -d x=1 ${site}/echo`, `curl -s --json '{"a":1}' ${site}/echo`, `curl -s --json a --json b -H 'Accept: x/y' ${site}/echo`, `curl -s --data-urlencode =a/b --data-urlencode c@/etc/hostname ${site}/echo`, `curl -s '${site}/{plain,part}' -o '#1.txt'`, 'cat plain.txt part.txt', `curl -s '${site}/echo[1-3:2]'`, `curl -s '${site}/echo[a-'`, `curl -sg '${site}/echo{x}'`,
    ], spent)
  })

  describe('on conntrack', () => {
    const flows: Mask = (text) => text.replace(/ \d+ (TIME_WAIT|FIN_WAIT|CLOSE_WAIT|LAST_ACK|CLOSE|ESTABLISHED) /g, ' T STATE ').replace(/(?<=udp {6}17|icmp {5}1) \d+/g, ' T').replace(/(sport|dport)=\d{5}/g, '$1=P').replace(/ id=\d+/g, ' id=N').split('\n').sort().join('\n')
    beforeAll(() => worlds.each(async (world) => {
      await world.run('n1', 'iptables -A FORWARD -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT')
      await world.run('n1', 'conntrack -F')
      await world.run('p1', `curl -s ${at(5901)}/`)
      await world.run('p1', 'ping -c 1 10.244.2.2')
    }))
    same('n1', [
      'conntrack -L', 'conntrack -L -o extended', 'conntrack -L -o extended,id', 'conntrack -L -o timestamp', 'conntrack -L -p icmp', 'conntrack -L -p 6', 'conntrack -L -p tcp --dport 5901', 'conntrack -L -p tcp --orig-port-dst 80', 'conntrack -L -p tcp --reply-port-src 5901', 'conntrack -L -s 10.244.1.0/24', 'conntrack -L -s 10.244.3.0/24', 'conntrack -L -r 10.244.2.2',
      'conntrack -L --dport 80', 'conntrack -L --state TIME_WAIT', 'conntrack -L -p tcp --state FOO', 'conntrack -L -p foo', 'conntrack -L -s 300.1', 'conntrack -L -f foo', 'conntrack -L -f ipv4 -p icmp', 'conntrack -L -u ASSURED -p tcp', 'conntrack -L -u UNREPLIED', 'conntrack -L -u FOO', 'conntrack -L -n', 'conntrack -L -g', 'conntrack -L -j',
      'conntrack -L expect', 'conntrack -C expect', 'conntrack -L foo', 'conntrack -L -o foo', 'conntrack -E -e FOO', 'conntrack -L -D', 'conntrack -Z', 'conntrack --foo', 'conntrack -V', 'conntrack -D -p tcp --dport 81', 'conntrack -D -p icmp', 'conntrack -C', 'conntrack -F expect', 'conntrack -F', 'conntrack -L',
    ], flows)
  })

  describe('on what it tells of, and how it is asked', () => {
    const plain = at(5950)
    same('p1', [
      `curl -s --trace - ${plain}/plain`, `curl -s --trace-ascii - ${plain}/plain`, `curl -s --trace - -d a=b ${plain}/echo`, `curl -s --trace-ascii - -d a=b ${plain}/echo/${'long'.repeat(40)}`, `curl -s --trace % ${plain}/plain`, `curl -s --trace-ascii t -o /dev/null ${plain}/plain`, 'cat t', `curl -v -s --trace - --trace-ascii - ${plain}/plain`,
      `curl -D - -so /dev/null ${plain}/plain`, `curl -s --url-query 'a=b c' --url-query +x=y --url-query foo ${plain}/echo?z`, `curl -s ${plain}/echo/../echo/./b`, `curl -s --path-as-is ${plain}/echo/../a/./b`, `curl -s --request-target /echo/x ${plain}/plain`, `curl -s --oauth2-bearer tok ${plain}/echo`, `curl -s -A '' -e 'http://a/;auto' ${plain}/echo`,
      `curl --sil ${plain}/plain`, `curl --re ${plain}/plain`, `curl -s --no-silent --silent ${plain}/plain`, `curl -f --fail-with-body ${plain}/plain`, `curl -sS --interface 10.9.9.9 ${plain}/plain`, `curl -sv --interface 10.244.1.2 ${plain}/plain`, `curl -s -x http://10.244.2.2:9 --noproxy '*' ${plain}/plain`, `curl -sS -6 ${plain}/plain`, `curl -sS --http0.9 -m 0.3 -o /dev/null -w '%{http_code}' ${at(5910)}/`,
      'curl --help', 'curl --help all', 'curl --help category', 'curl --help http', 'curl --help tls', 'curl --help proxy', 'curl --help nope',
    ], spent)
  })
})
