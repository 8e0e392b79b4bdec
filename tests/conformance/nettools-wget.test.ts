import { describe } from 'vitest'
import { sameAs, twoWorlds, type Mask } from './nettools/compare.ts'
import { transcriptOf } from './referee/transcript.ts'

/** GNU wget and busybox's against Debian 12's: what they ask for, keep, follow, convert and say. */
const transcript = transcriptOf('nettools-wget')

const spent: Mask = (text) =>
  text.replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, 'TIME').replace(/ +[\d.]+[ KMGT](=[\d.]+s| [\dmsh]+)/g, ' RATE').replace(/\([\d.]+ [KMGT]?B\/s\)/g, '(RATE)').replace(/time: [\d.]+m?s/g, 'time: N').replace(/ in [\d.]+m?s /g, ' in N ').replace(/ in [\d.]+ seconds/g, ' in N seconds').replace(/Converting links/g, 'Converting')

const page = (body: string, type = 'text/html', headers = ''): string => `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`
const to = (status: string, where: string, body = ''): string => `HTTP/1.1 ${status}\r\nLocation: ${where}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
const dated = 'Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n'
const big = 'x'.repeat(70_000)

const PAGES: Readonly<Record<string, string>> = {
  '/': page('<html><a href="a.html">a</a> <a href="/d/b.html#x">b</a><img src="i.png"><link rel="stylesheet" href="s.css"><a href="http://other.test/">o</a><a href="gone.html">g</a></html>'),
  '/a.html': page('<a href="/">top</a><a href="d/">d</a><a href="/q?x=1&amp;y=2">q</a>'), '/d/b.html': page('<a href="../a.html">up</a><a href="c/deep.html">deep</a><base href="/d/">'), '/d/': page('<a href="b.html">b</a><a href="/a.html">a</a><form action="go"></form>'),
  '/d/c/deep.html': page('deep'), '/i.png': page('PNG', 'image/png'), '/s.css': page('@import "t.css"; b { background: url(j.png) }', 'text/css'), '/t.css': page('b{}', 'text/css'), '/j.png': page('JNG', 'image/png'), '/q?x=1&y=2': page('query'),
  '/nf.html': page('<meta name="robots" content="nofollow"><a href="a.html">a</a>'), '/refresh.html': page('<meta http-equiv="refresh" content="3; url=a.html"><script src=z.js></script>'), '/z.js': page('z', 'text/javascript'),
  '/plain': page('hello', 'text/plain'), '/bare': 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello', '/none': page('hello', 'text/plain').replace(/Content-Type.*\r\n/, ''), '/big': page(big, 'application/octet-stream'), '/chunked': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  '/empty': page('', 'text/plain'), '/204': 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n', '/dated': page('hello', 'text/plain', dated), '/dated SINCE': `HTTP/1.1 304 Not Modified\r\n${dated}Content-Length: 0\r\n\r\n`, '/newer': page('hello', 'text/plain', 'Last-Modified: Wed, 21 Oct 2099 07:28:00 GMT\r\n'), '/baddate': page('hello', 'text/plain', 'Last-Modified: yesterday\r\n'),
  '/part': page('0123456789', 'text/plain'), '/part RANGE': 'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 4-9/10\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\n456789', '/whole': page('0123456789', 'text/plain'), '/full RANGE': 'HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n', '/full': page('0123456789', 'text/plain'),
  '/named': page('hello', 'text/plain', 'Content-Disposition: attachment; filename="x y.txt"\r\n'), '/named2': page('hello', 'text/plain', "Content-Disposition: attachment; filename=plain.txt; filename*=UTF-8''st%C3%A4r.txt\r\n"), '/cut': 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 50\r\n\r\nhello',
  '/302': to('302 Found', '/plain'), '/301': to('301 Moved Permanently', 'http://10.244.2.2:5700/echo'), '/303': to('303 See Other', '/echo'), '/307': to('307 Temporary Redirect', '/echo'), '/308': to('308 Permanent Redirect', 'echo', 'moved'), '/loop': to('302 Found', '/loop'), '/nowhere': 'HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n', '/toftp': to('302 Found', 'foo://x/'),
  '/500': 'HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops', '/503': 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\nConnection: close\r\n\r\noops', '/504': 'HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n', '/403': 'HTTP/1.1 403\r\nContent-Length: 0\r\n\r\n', '/garbage': 'garbage\r\n\r\n',
  '/401': 'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 2\r\n\r\nno', '/401 LOGIN': page('welcome', 'text/plain'), '/odd401': 'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Odd\r\nContent-Length: 2\r\n\r\nno', '/denied': 'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 2\r\n\r\nno',
  '/cookie': to('302 Found', '/echo/c').replace('\r\n\r\n', '\r\nSet-Cookie: a=b; Path=/\r\n\r\n'), '/list': page('/plain\n/part\n\n', 'text/plain'), '/links': page('<a href="plain">p</a><a href="/part">q</a>'), '/a%20b': page('blank', 'text/plain'),
}

describe('the real ones agree', () => {
  const worlds = twoWorlds({ also: ['cat', 'find', 'od', 'stat', 'truncate'], settle: 500, prepare: async (world) => {
    world.file('p1', '/etc/issue', '10.244.2.2:5700/plain\n\n  http://10.244.2.2:5700/part\nfoo://x\n')
    world.file('p1', '/etc/issue.net', '<a href="http://10.244.2.2:5700/plain">p</a><a href="/part">q</a>')
    world.file('p1', '/etc/hostname', 'from=file')
    world.file('p1', '/etc/hosts', '10.244.2.2 web.test\n10.244.2.2 other.test\n')
    await world.site('p3', 5700, PAGES)
    await world.site('p3', 5701, { ...PAGES, '/robots.txt': page('User-agent: *\nDisallow: /d/\n', 'text/plain') })
  } })
  const same = sameAs(worlds, transcript)
  const at = 'http://10.244.2.2:5700'

  describe('on what it asks for', () => {
    same('p1', [
      `wget -qO- ${at}/echo`, `wget -qO- --header 'X-A: 1' --header 'User-Agent: me' --header 'Accept: x/y' ${at}/echo`, `wget -qO- -U '' ${at}/echo`, `wget -qO- --referer http://r/ --no-cache ${at}/echo`, `wget -qO- --post-data a=b ${at}/echo`, `wget -qO- --post-file /etc/hostname ${at}/echo`, `wget -O- --post-file /nope ${at}/echo`,
      `wget -qO- --method PUT --body-data x ${at}/echo`, `wget -qO- --method delete ${at}/echo`, `wget -qO- --method POST ${at}/echo`, `wget -qO- --method PATCH --body-file /etc/hostname ${at}/echo`, `wget -qO- --body-data x ${at}/echo`, `wget --post-data a --post-file b ${at}`, `wget --post-data a --method PUT ${at}`, `wget --method PUT --body-data a --body-file b ${at}`,
      `wget -qO- --no-http-keep-alive ${at}/echo`, `wget -qO- '${at}/echo/a b/%zz/../c?d=e f#g'`, `wget -qO- 10.244.2.2:5700/echo`, `wget -qO- http://u:p@10.244.2.2:5700/401`, `wget -O- http://u:p@10.244.2.2:5700/401`, `wget -O- --user u --password p ${at}/401 ${at}/401`, `wget -O- --user u --password p --auth-no-challenge ${at}/echo`, `wget -O- ${at}/401`,
      `wget -O- --user u --password p ${at}/denied`, `wget -O- --user u --password p ${at}/odd401`, `wget -qO- ${at}/cookie`, `wget -qO- --no-cookies ${at}/cookie`, `wget -qO- --start-pos 3 ${at}/echo`, `wget -qO- http://web.test:5700/echo`, `wget -O- -4 http://web.test:5700/plain`, `wget -O- -6 http://web.test:5700/plain`, `wget -nv -O- http://nope.test:5700/`, `wget -O- -4 -6 ${at}`,
      `wget -qO- --bind-address 10.244.1.2 ${at}/plain`, `wget --header 'X Y: z' ${at}`, `wget --header x ${at}`,
    ], spent)
  })

  describe('on where it goes on', () => {
    same('p1', [
      `wget -O- ${at}/302`, `wget -qO- ${at}/301`, `wget -qO- --post-data a=b ${at}/301`, `wget -qO- --post-data a=b ${at}/303`, `wget -qO- --post-data a=b ${at}/307`, `wget -qO- --post-data a=b ${at}/308`, `wget -qO- --method PUT --body-data x ${at}/302`, `wget -qO- --method PUT --body-data x ${at}/301`, `wget -O- --max-redirect 2 ${at}/loop`, `wget -nv -O- --max-redirect 0 ${at}/loop`, `wget -O- ${at}/nowhere`, `wget -O- ${at}/toftp`,
      `wget ${at}/302`, 'cat 302', `wget --trust-server-names ${at}/302`,
    ], spent)
  })

  describe('on what it keeps', () => {
    same('p1', [
      `wget ${at}/plain`, `wget ${at}/plain`, `wget -nc ${at}/plain`, `wget -nv ${at}/plain`, `wget -q ${at}/plain`, `wget -P down/load ${at}/plain`, `wget -P down/ ${at}/plain`, `wget -x ${at}/d/b.html`, `wget -x -nH --cut-dirs 1 ${at}/d/c/deep.html`, `wget -x --protocol-directories ${at}/d/b.html`, `wget -O one ${at}/plain ${at}/part`, 'cat one', `wget -nc -O one ${at}/plain`, `wget -O /nope/x ${at}/plain`, `wget -P one ${at}/plain`,
      `wget ${at}/`, `wget ${at}/d/`, `wget '${at}/q?x=1&y=2'`, `wget -E '${at}/q?x=1&y=2'`, `wget '${at}/a%20b'`, `wget --default-page top ${at}/`, `wget --content-disposition ${at}/named`, `wget --content-disposition ${at}/named`, `wget --content-disposition ${at}/plain`, `wget ${at}/named`, `wget -c ${at}/part`, 'cat part',
      `wget -N ${at}/dated`, `wget -N ${at}/dated`, `stat -c %Y dated`, `wget -N --no-if-modified-since ${at}/dated`, `wget -N ${at}/newer`, `wget -N ${at}/newer`, `wget -N ${at}/plain`, `wget -N --no-if-modified-since ${at}/newer`, `wget --no-use-server-timestamps -O dd ${at}/dated`, `wget ${at}/baddate`, `wget -N -O x ${at}/dated`, `wget -N -nc ${at}/dated`, `wget --save-headers -qO- ${at}/dated`,
      `wget --delete-after ${at}/dated`, `wget -S -O /dev/null ${at}/dated`, `wget -nv -S -O /dev/null ${at}/dated`, `wget -q -S -O /dev/null ${at}/dated`, `wget --content-on-error -O- ${at}/500`, `wget -O- ${at}/500`, `wget -O- ${at}/403`, `wget -O- ${at}/204`, `wget -O- ${at}/empty`, `wget -O- ${at}/none`, `wget -O- ${at}/bare`, `wget -O- ${at}/chunked`, `wget -nv -O- ${at}/chunked`, `wget --ignore-length -O- ${at}/bare`,
    ], spent)
  })

  describe('on what it takes up again', () => {
    same('p1', [
      `wget -q -O part4 ${at}/part`, 'truncate -s 4 part', `wget -c ${at}/part`, 'cat part', `wget -t 1 -c ${at}/part`, 'truncate -s 4 whole', `wget -c ${at}/whole`, `od -c whole`, `wget -c ${at}/whole`, 'truncate -s 10 full', `wget -c ${at}/full`, `wget -t 1 -c -O part ${at}/part`, `wget -O- ${at}/big`, `wget -nv --limit-rate 400k -O /dev/null ${at}/big`, `wget -O /dev/null ${at}/big`, `wget --progress=dot:binary -O /dev/null ${at}/big`, `wget --progress=dot:mega -O /dev/null ${at}/big`,
      `wget --progress=bar:force -q -O /dev/null ${at}/plain`, `wget -q --show-progress -O /dev/null ${at}/big`, `wget --progress=foo ${at}`, `wget -t 2 -O cut ${at}/cut`, `wget -t 1 ${at}/cut`, `wget -t 2 --waitretry 0 ${at}/504`, `wget -t 2 --retry-on-http-error 503,500 -O- ${at}/503`, `wget -t 1 ${at}/garbage`, `wget -nv -t 1 ${at}/garbage`, 'wget -t 2 --retry-connrefused -O- http://10.244.2.2:5799/', 'wget -t 2 -O- http://10.244.2.2:5799/',
      `wget --spider ${at}/plain`, `wget --spider ${at}/`, `wget --spider ${at}/404`, `wget -nv --spider ${at}/plain`, `wget -nv --spider ${at}/404`, `wget -q --spider ${at}/404`, `wget --spider ${at}/500`, `wget --spider ${at}/302`, `wget -S --spider ${at}/plain`, `wget --method HEAD ${at}/plain`, `wget -t x -O- ${at}/plain`, `wget -T x ${at}`, `wget -o log ${at}/plain`, 'cat log', `wget -a log -nv ${at}/plain`, 'cat log',
    ], spent)
  })

  describe('on lists', () => {
    same('p1', [
      'wget -i /etc/issue -O-', 'wget -nv -i /etc/issue -O-', 'wget -i /etc/nope', 'wget -i /dev/null', `wget -F -i /etc/issue.net -O-`, `wget -F -B ${at}/x/ -i /etc/issue.net -nv -O-`, `wget -nv -P li -i ${at}/links`, `wget -nv -P li -i ${at}/list`, `wget -nv -O- ${at}/plain ${at}/404 ${at}/part`, `wget -nv -O- foo://x ${at}/plain`, `wget -Q 4 -nv -O- ${at}/plain ${at}/part`, `wget -w 0.1 -nv -O- ${at}/plain ${at}/part`, 'wget http://', 'wget http://x:y/', 'wget http://[::1', 'wget http://[zz]/', 'wget :80',
    ], spent)
  })

  describe('on trees', () => {
    const rest: Mask = spent
    same('p1', [
      `wget -r -P r1 ${at}/`, 'find r1 -type f', 'cat r1/10.244.2.2:5700/index.html', `wget -nv -r -l 1 -P r2 ${at}/`, 'find r2 -type f', `wget -nv -r -np -P r3 ${at}/d/`, 'find r3 -type f', `wget -nv -p -P r4 ${at}/`, 'find r4 -type f', `wget -nv -r -l 2 -k -P r5 ${at}/`, 'cat r5/10.244.2.2:5700/index.html r5/10.244.2.2:5700/a.html r5/10.244.2.2:5700/d/b.html r5/10.244.2.2:5700/s.css', `wget -r -l 1 -k -K -P r6 ${at}/`, 'find r6 -type f',
      `wget -nv -r -nd -P r7 -A html ${at}/`, 'find r7 -type f', `wget -nv -r -R '*.png,css' -P r8 ${at}/`, 'find r8 -type f', `wget -r -l 1 -P r9 http://10.244.2.2:5701/`, 'find r9 -type f', `wget -nv -r -l 1 -e robots=off -P r10 http://10.244.2.2:5701/`, 'find r10 -type f', `wget -nv -r -P r11 ${at}/nf.html`, `wget -r -P r12 ${at}/nf.html`, `wget -nv -r -k -P r13 ${at}/refresh.html`, 'cat r13/10.244.2.2:5700/refresh.html', `wget --spider -r -l 1 ${at}/`, `wget -nv --spider -r -l 1 ${at}/d/`,
      `wget -nv -r -X /d -P r14 ${at}/`, `wget -nv -r -I /d -P r15 ${at}/`, `wget -nv -r --accept-regex 'png$' -P r16 ${at}/`, `wget -nv -r -l 1 --delete-after ${at}/d/`, `wget -nv -m -P r17 ${at}/d/`, `wget -nv -m -P r17 ${at}/d/`, `wget -nv -r -l 1 -E -k '-P' r18 ${at}/a.html`, 'cat r18/10.244.2.2:5700/a.html', `wget -k -O k.html ${at}/a.html`, 'cat k.html', `wget -r -O- ${at}/`, `wget -k -p -O x ${at}/`, `wget -nc -k -O kk ${at}/a.html`, `wget -r -nv -O all ${at}/d/c/deep.html`, `wget -r -nv -P r19 ${at}/404`,
    ], (text) => (text.split('\n').every((l) => !/\s/.test(l)) ? text.split('\n').sort().join('\n') : rest(text)))
  })

  describe('on its command line', () => {
    same('p1', ['wget --spid --quie http://10.244.2.2:5700/plain', 'wget --no', 'wget --foo', 'wget --foo=bar', 'wget --no-verbose=1 x', 'wget --tim', 'wget --timeout', 'wget -T', 'wget -nz x', 'wget -qv x', 'wget --spider=maybe x', `wget --spider=off -qO- ${at}/plain`, 'wget -l x', 'wget --limit-rate x y', 'wget --prefer-family x y', 'wget', 'wget -O'])
  })

  describe('on cookies, compression, helps and names', () => {
    same('p1', [
      'wget --version', 'wget --help', 'wget -h', `wget -q --save-cookies c1 -O /dev/null ${at}/cookie`, 'cat c1', `wget -q --save-cookies c2 --keep-session-cookies -O /dev/null ${at}/cookie`, 'cat c2', `wget -q --load-cookies c2 -O - ${at}/echo`,
      `wget -qO- --compression=gzip ${at}/echo`, `wget -qO- --compression=none ${at}/echo`, `wget --compression=foo ${at}/echo`, `wget -O ü ${at}/plain`,
      `busybox wget -P b ${at}/part`, `busybox wget -c -P b ${at}/part`, `busybox wget -c -O b/plain ${at}/plain`, `busybox wget -c -O b/plain ${at}/plain`, `busybox wget -c -O - ${at}/plain`,
    ], spent)
  })
})
