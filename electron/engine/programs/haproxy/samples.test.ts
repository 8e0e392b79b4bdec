import { expect, it } from 'vitest'
import { Random } from '../../random.ts'
import type { HttpRequest } from '../http/server.ts'
import { hashOfRequest } from './hash.ts'
import { requestSize, responseSize } from './message-size.ts'
import { page } from './pages.ts'
import { parseAcl, parseFormat, parseSample, type Asked } from './samples.ts'

const request: HttpRequest = { method: 'GET', target: '/api/users/7?color=red&size=', version: '1.1', headers: [['Host', 'Shop.example.com:8080'], ['User-Agent', 'probe/1.0'], ['Cookie', 'a=1; staging=yes']], body: new Uint8Array(0), keepAlive: true, remoteAddress: '10.1.2.3', remotePort: 4242, localAddress: '10.9.9.9', localPort: 8080, connection: 1 }
const asked: Asked = { request, source: '10.1.2.3', random: new Random(1) }

it.each([
  ['cookie(staging) -m found', true], ['cookie(other) -m found', false], ['req.cook(staging) yes no', true],
  ['hdr(User-Agent) -m beg probe', true], ['hdr_beg(user-agent) PROBE', false], ['hdr_beg(user-agent) -i PROBE', true], ['hdr(x-none) anything', false],
  ['path_beg /api /v2', true], ['path_end /7', true], ['path_sub sers', true], ['path_dir users', true], ['path_dir sers', false], ['path_reg ^/api/[a-z]+/[0-9]+$', true], ['hdr_dom(host) example.com', true], ['hdr_dom(host) ample.com', false],
  ['src 10.1.0.0/16', true], ['src 10.2.0.0/16 192.0.2.1', false], ['method POST', false], ['url_param(color) red', true], ['rand(1) lt 1', true], ['rand(100) ge 100', false], ['src_port 4000:5000', true], ['ssl_fc', false], ['always_true', true],
])('the ACL "%s" is %s', (text, expected) => {
  const acl = parseAcl(text)
  expect(typeof acl === 'function' ? acl(asked) : acl).toBe(expected)
})

it.each(['lua.mine', 'cookie(a) -m nothing x', 'constructor x', 'path_beg', 'rand(100) lt many', 'hdr(host),base64 x'])('says that the ACL "%s" is none that it knows', (text) => {
  expect(parseAcl(text)).toEqual({ lacking: `the ACL "${text}"` })
})

it('samples go through converters, and formats are made of them', () => {
  const told = (text: string): unknown => {
    const sample = parseSample(text)
    return typeof sample === 'function' ? sample(asked) : sample
  }
  expect([told('hdr(host),field(1,:),lower'), told('path,field(-1,/)'), told('path,word(2,/),length'), told('src_port,mod(10)'), told('hdr(none)')]).toEqual(['shop.example.com', '7', 5, 2, undefined])
  const format = parseFormat('from %[src]:%cp at %[hdr(host),lower] 100%% %{+Q}[method]', (name) => (name === 'cp' ? ({ request: r }) => String(r.remotePort) : undefined))
  expect(typeof format === 'function' && format(asked)).toBe('from 10.1.2.3:4242 at shop.example.com:8080 100% "GET"')
  expect(parseFormat('%ZZ', () => undefined)).toEqual({ lacking: '%ZZ in a format' })
})

it('sizes are those that HAProxy 2.6 logs for the same messages', () => {
  expect(responseSize(page(503))).toBe(217)
  expect(requestSize({ ...request, target: '/', headers: [['host', '127.0.0.1:18080'], ['user-agent', 'curl/7.88.1'], ['accept', '*/*'], ['x-b', 'uri']] })).toBe(88)
})

it('balances that hash choose the servers that HAProxy 2.6 chose among three', () => {
  const balance = { name: '', wholeUri: false, depth: 0, length: 0, draws: 2, text: '' }
  const words = ['alpha', 'beta', 'gamma', 'delta', 'eps', 'zeta']
  const chosen = (algorithm: 'hdr' | 'uri' | 'url_param', make: (word: string) => Partial<HttpRequest>): number[] => words.map((word) => (hashOfRequest({ ...balance, algorithm, name: algorithm === 'hdr' ? 'x-k' : 'user' }, { ...request, ...make(word) }, '10.1.2.3')! % 3) + 1)
  expect(chosen('hdr', (word) => ({ headers: [['x-k', word]] }))).toEqual([1, 1, 3, 1, 3, 3])
  expect(chosen('uri', (word) => ({ target: `/${word}/x?q=1` }))).toEqual([2, 1, 2, 1, 2, 2])
  expect(chosen('url_param', (word) => ({ target: `/?user=${word}` }))).toEqual([1, 1, 3, 1, 3, 3])
  expect(['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4'].map((source) => (hashOfRequest({ ...balance, algorithm: 'source' }, request, source)! % 3) + 1)).toEqual([3, 1, 2, 3])
  expect(hashOfRequest({ ...balance, algorithm: 'hdr', name: 'x-none' }, request, '10.1.2.3')).toBeUndefined()
})
