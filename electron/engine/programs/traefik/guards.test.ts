import { expect, test } from 'vitest'
import { Clock } from '../../clock.ts'
import type { HttpRequest } from '../http/server.ts'
import { Buckets, cors, period, securityHeaders, userOf } from './guards.ts'

const request = (method: string, headers: [string, string][] = []): HttpRequest => ({ method, target: '/', version: '1.1', headers, body: new Uint8Array(0), keepAlive: true, remoteAddress: '10.0.0.1', remotePort: 1, localAddress: '10.0.0.2', localPort: 80, connection: 1 })

test('rateLimit: a burst, then what is late by little waits, and what is late by more is refused until tokens are there', () => {
  const clock = new Clock({ seed: 1 })
  const buckets = new Buckets(clock)
  const ask = (): object => buckets.reserve('r 10.0.0.1', 1, 2, 500)
  expect([ask(), ask(), ask()]).toEqual([{ wait: 0 }, { wait: 0 }, { refused: 1000 }])
  clock.runFor(600)
  expect(ask()).toEqual({ wait: 400 })
  expect(buckets.reserve('r 10.0.0.2', 1, 2, 500)).toEqual({ wait: 0 })
  expect(['1m', '1m30s', 10].map(period)).toEqual([60_000, 90_000, 10_000])
})

test('headers: CORS for those who may, and what browsers are told', () => {
  const settings = { accessControlAllowMethods: ['GET', 'PUT'], accessControlAllowOriginList: ['https://a.org'], accessControlMaxAge: 100, frameDeny: true, stsSeconds: 5 }
  expect(cors(settings, request('OPTIONS', [['Origin', 'https://a.org'], ['Access-Control-Request-Method', 'PUT']]))).toEqual({ preflight: true, headers: [['Access-Control-Allow-Methods', 'GET,PUT'], ['Access-Control-Allow-Origin', 'https://a.org'], ['Access-Control-Max-Age', '100']] })
  expect(cors(settings, request('GET', [['Origin', 'https://b.org']]))).toEqual({ preflight: false, headers: [] })
  // no Strict-Transport-Security without TLS
  expect(securityHeaders(settings, request('GET'))).toEqual([['X-Frame-Options', 'DENY']])
})

test('basicAuth knows who is in the file', () => {
  expect([[['Authorization', 'Basic YW5uOnB3']], [['Authorization', 'Basic YW5uOm5v']], []].map((headers) => userOf('ann:{PLAIN}pw', request('GET', headers as [string, string][])))).toEqual(['ann', undefined, undefined])
})
