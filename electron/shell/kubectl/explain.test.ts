import { describe, expect, it } from 'vitest'
import { wordWrap } from './explain/word-wrap.ts'
import { bench } from './testing.samples.ts'

/** What needs no referee; tests/conformance/explain.test.ts holds the rest against the real kubectl. */
describe('kubectl explain', () => {
  const { run } = bench()

  it('shows a kind, its group and the fields below a path', () => {
    expect(run('kubectl explain deploy.spec.strategy').stdout).toMatch(/^GROUP: {6}apps\nKIND: {7}Deployment\nVERSION: {4}v1\n\nFIELD: strategy <DeploymentStrategy>\n\n\nDESCRIPTION:\n/)
    expect(run('kubectl explain pod.spec.containers --recursive').stdout).toMatch(/^ {2}args\t<\[\]string>\n {2}command\t<\[\]string>\n {2}env\t<\[\]EnvVar>\n {4}name\t<string> -required-\n/m)
  })

  it('lists the values that a field may have, four of them in short', () => {
    expect(run('kubectl explain pod.spec.restartPolicy').stdout).toContain('FIELD: restartPolicy <string>\nENUM:\n    Always\n    Never\n    OnFailure\n\nDESCRIPTION:\n')
    expect(run('kubectl explain pod.spec.volumes.hostPath').stdout).toContain('  type\t<string>\n  enum: "", BlockDevice, CharDevice, Directory, ....\n')
  })

  it('has the layout of before v1.27 as well', () => {
    const { stdout } = run('kubectl explain pods.spec.hostAliases --output=plaintext-openapiv2')
    expect(stdout).toMatch(/^KIND: {5}Pod\nVERSION: {2}v1\n\nRESOURCE: hostAliases <\[\]Object>\n\nDESCRIPTION:\n {5}\S/)
    expect(stdout).toMatch(/\nFIELDS:\n {3}hostnames\t<\[\]string>\n {5}Hostnames for the above IP address\.\n\n {3}ip\t<string> -required-\n/)
    expect(run('kubectl explain cm.data --output=plaintext-openapiv2').stdout).toContain('\nFIELD:    data <map[string]string>\n\nDESCRIPTION:\n')
  })

  it('says what does not exist', () => {
    expect(run('kubectl explain pod.spec.nothing').stderr).toBe('error: field "nothing" does not exist\n')
    expect(run('kubectl explain deploy --api-version=apps/v2').stderr).toBe('error: couldn\'t find resource for "apps/v2, Resource=deployments"\n')
    expect(run('kubectl explain nothing').stderr).toBe('the server doesn\'t have a resource type "nothing"\n')
    expect(run('kubectl explain ""').stderr).toBe('error: a resource must be present, got: /, Resource=\n')
  })

  it('breaks lines between words, and keeps those that are there', () => {
    expect(wordWrap('one two three', 7)).toBe('one two\nthree')
    expect(wordWrap('one\n  two', 7)).toBe('one\n  two')
    expect(wordWrap('averylongword and', 7)).toBe('averylongword\nand')
  })
})
