import { expect, test } from 'vitest'
import { Clock } from '../../clock.ts'
import { CircuitBreaker, parseExpression } from './circuit-breaker.ts'

test('expressions are comparisons of measures, with and, or, not and parentheses', () => {
  for (const text of ['NetworkErrorRatio() > 0.30', 'ResponseCodeRatio(500, 600, 0, 600) > 0.25 || LatencyAtQuantileMS(50.0) > 100', '!(NetworkErrorRatio() < 0.1) && LatencyAtQuantileMS(99.0) >= 5']) expect(parseExpression(text)).toBeTypeOf('function')
  for (const text of ['', 'NetworkErrorRatio()', 'NetworkErrorRatio() > x', 'Nothing() > 1', 'ResponseCodeRatio(500) > 1', 'NetworkErrorRatio() > 1 NetworkErrorRatio() > 1']) expect(parseExpression(text)).toBeUndefined()
})

test('it opens when too many fail, stays so for its time, and lets more and more through again', () => {
  const clock = new Clock({ seed: 1 })
  const breaker = new CircuitBreaker(clock, parseExpression('ResponseCodeRatio(500, 600, 0, 600) > 0.5')!)
  const serve = (status: number): boolean => {
    clock.runFor(101)
    const through = breaker.enter()
    if (through) breaker.leave(status, 1)
    return through
  }
  expect([200, 500, 500].map(serve)).toEqual([true, true, true])
  // two of three: it is open
  expect([serve(200), serve(200)]).toEqual([false, false])
  clock.runFor(10_000)
  const recovering = Array.from({ length: 90 }, () => serve(200))
  expect(recovering[0]).toBe(false)
  const let1 = recovering.slice(0, 30).filter(Boolean).length
  const let3 = recovering.slice(60).filter(Boolean).length
  expect(let1).toBeGreaterThan(0)
  expect(let3).toBeGreaterThan(let1)
  clock.runFor(2_000)
  expect(Array.from({ length: 5 }, () => serve(200))).toEqual([true, true, true, true, true])
})

test('errors of the network are 502 and 504; latencies have quantiles', () => {
  const clock = new Clock({ seed: 1 })
  const open = (expression: string, said: readonly [status: number, latency: number][]): boolean => {
    const breaker = new CircuitBreaker(clock, parseExpression(expression)!)
    for (const [status, latency] of said) {
      clock.runFor(200)
      breaker.leave(status, latency)
    }
    return !breaker.enter()
  }
  expect(open('NetworkErrorRatio() > 0.3', [[500, 1], [500, 1]])).toBe(false)
  expect(open('NetworkErrorRatio() > 0.3', [[200, 1], [502, 1]])).toBe(true)
  expect(open('LatencyAtQuantileMS(50.0) > 100', [[200, 5], [200, 5], [200, 500]])).toBe(false)
  expect(open('LatencyAtQuantileMS(99.0) > 100', [[200, 5], [200, 5], [200, 500]])).toBe(true)
})
