import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { policyEnforcement } from '../../policy/enforcement.ts'
import { randomPolicies } from '../../policy/random-policies.samples.ts'
import { enableSctp } from './world.samples.ts'
import { NinePods, truthCases } from '../../policy/truth-tables.samples.ts'

/** NetworkPolicies by identities, held against Kubernetes' truth tables and the evaluator, with packets. */
const OPTIONS = policyEnforcement('cilium')!

describe('the truth tables of Kubernetes’ own tests, with cilium', () => {
  const nine = new NinePods({ cni: 'cilium' })
  enableSctp(nine.cluster)
  for (const { name, steps } of truthCases()) {
    it(name.replaceAll('-', ' '), () => {
      for (const { yaml, tables } of steps) {
        nine.apply(yaml)
        for (const { port, protocol, text } of tables) {
          // an ipBlock does not mean Pods there, whatever their addresses are
          const expected = yaml.includes('ipBlock') ? nine.decided(port, protocol, OPTIONS) : text
          expect(nine.tried(port, protocol), `tried ${port}/${protocol}`).toBe(expected)
        }
      }
    })
  }
})

it('the evaluator says what packets meet', () => {
  const nine = new NinePods({ cni: 'cilium' })
  fc.assert(
    fc.property(randomPolicies({ bothTypes: true, severalBlocks: true, namedAnywhere: false }), fc.constantFrom<[number, 'TCP' | 'UDP']>([80, 'TCP'], [81, 'TCP'], [80, 'UDP'], [81, 'UDP']), (objects, [port, protocol]) => {
      nine.set(objects)
      expect(nine.tried(port, protocol)).toBe(nine.decided(port, protocol, OPTIONS))
    }),
    { numRuns: 40 },
  )
})
