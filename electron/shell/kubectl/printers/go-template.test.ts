import { describe, expect, it } from 'vitest'
import { GoTemplate, TemplateError } from './go-template.ts'

const web = { kind: 'Service', metadata: { name: 'web', labels: { tier: 'front', app: 'web' } }, spec: { ports: [{ name: 'a', port: 80 }, { name: 'b', port: 443 }] } }
const made = (source: string, allowMissing = true): string => {
  const { text, error } = new GoTemplate(source, { allowMissing }).execute(web)
  return error ?? text
}

/** Compared with the real kubectl in tests/conformance/kubectl-go-template.test.ts. */
describe('a Go template', () => {
  it('walks fields, ranges and conditions', () => {
    expect(made('{{range $i, $p := .spec.ports}}{{if $i}}, {{end}}{{$p.name}}={{.port}}{{end}}')).toBe('a=80, b=443')
    expect(made('{{with .metadata.labels}}{{range $k, $v := .}}{{$k}}:{{$v}} {{end}}{{end}}')).toBe('app:web tier:front ')
    expect(made('{{if eq (index .spec.ports 0).port 80}}yes{{else}}no{{end}}')).toBe('yes')
  })
  it('calls functions and pipes', () => {
    expect(made('{{.metadata.name | printf "%s-%s" .kind | len}}')).toBe('11')
    expect(made('{{"d2Vi" | base64decode}} {{exists .metadata "name"}}')).toBe('web true')
  })
  it('says what is wrong, and where', () => {
    expect(made('{{.metadata.x}}')).toBe('<no value>')
    expect(made('a\n{{.metadata.x}}', false)).toBe('template: output:2:11: executing "output" at <.metadata.x>: map has no entry for key "x"')
    expect(() => made('{{if .x}}')).toThrow(new TemplateError('template: output:1: unexpected EOF'))
  })
})
