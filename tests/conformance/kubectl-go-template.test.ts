import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findKubectl } from './kubectl/find-kubectl.ts'
import { TwoClusters } from './kubectl/two-clusters.ts'

const REAL = findKubectl()

/** Of a Service with two ports, labels and no annotations. */
const TEMPLATES = [
  '{{.metadata.name}}', '{{.metadata.labels}}', '{{.spec.ports}}', '{{.x}}', '{{.x.y}}', '{{.metadata.name.x}}', '{{.status.loadBalancer}}',
  '{{range .spec.ports}}{{.port}} {{end}}', '{{range $i, $p := .spec.ports}}{{$i}}={{$p.port}};{{end}}', '{{range $k, $v := .metadata.labels}}{{$k}}:{{$v}},{{end}}', '{{range .x}}a{{else}}none{{end}}', '{{range .metadata.name}}{{end}}',
  '{{range 3}}{{.}}{{end}}', '{{range .spec.ports}}{{if eq .name "b"}}{{continue}}{{end}}{{.name}}{{break}}{{end}}',
  '{{if .x}}yes{{else if .metadata}}meta{{else}}no{{end}}', '{{with .metadata.labels}}{{.app}}{{end}}', '{{with .x}}{{.}}{{else}}-{{end}}', '{{if and .metadata .x}}a{{end}}{{if or .x .metadata}}b{{end}}{{if not .x}}c{{end}}',
  '{{len .spec.ports}} {{len .metadata.name}} {{len .metadata.labels}}', '{{len .x}}', '{{index .spec.ports 0}}', '{{(index .spec.ports 1).port}}', '{{index .metadata.labels "app"}}', '{{index .spec.ports 9}}', '{{index .spec.ports "a"}}', '{{index .x 1}}',
  '{{eq .metadata.name "web"}} {{ne .metadata.name "web"}} {{eq .x "a"}} {{eq .metadata.name "a" "web"}}', '{{eq (index .spec.ports 0).port 80}}', '{{eq (index .spec.ports 0).port 80.0}}', '{{lt 1 2}} {{le 2 2}} {{gt "b" "a"}} {{ge 1.5 2.5}}', '{{lt 1 "a"}}', '{{eq 1}}',
  '{{print "a" 1 2 .x}}', '{{println "a" 1}}', '{{printf "%s-%d-%v-%q" .metadata.name 3 .spec.ports .metadata.name}}', '{{printf "%d" (index .spec.ports 0).port}}', '{{printf "%5s|%-5s|%05d" "a" "b" 7}}', '{{printf "%s"}}', '{{printf "%s" 1 2}}', '{{printf "%.2f" 1.5}}',
  '{{"d2Vi" | base64decode}}', '{{base64decode "!"}}', '{{exists .metadata "name"}} {{exists .metadata "x"}} {{exists .x "y"}}', '{{$n := .metadata.name}}{{$n}}{{$n = "b"}}{{$n}}', '{{.metadata.name | printf "%s=%s" "name"}}',
  'a {{- " b " -}} c', '{{/* nothing */}}x{{- /* more */ -}} y', '{{1000000.0}} {{123456789.0}} {{1e21}} {{0.00001}} {{1.5}} {{100000.0}}', "{{'a'}} {{`raw`}} {{true}}", '{{nil}}', '{{"a\\tb\\n"}}', '{{$.metadata.name}}', '{{range .spec.ports}}{{$.metadata.name}}{{end}}', '{{not 1 2}}',
  '{{.a', '{{end}}', '{{if .a}}', '{{foo .a}}', '{{}}', '{{.metadata.name "a"}}', '{{if}}{{end}}', '{{range .spec.ports}}{{.port}}', '{{(.a}}', '{{.a)}}', '{{"abc}}', '{{else}}', '{{break}}', '{{$y}}', '{{%}}',
]

describe.skipIf(!REAL)('Go templates print what kubectl 1.33 prints', () => {
  let both: TwoClusters
  const same = async (...args: string[]): Promise<void> => {
    const { ours, real } = await both.both(args)
    expect(ours).toEqual(real)
  }

  beforeAll(async () => {
    both = new TwoClusters(REAL!)
    await both.open()
    both.write('web.yaml', 'apiVersion: v1\nkind: Service\nmetadata: {name: web, labels: {app: web, tier: front}}\nspec:\n  clusterIP: None\n  ports: [{name: a, port: 80}, {name: b, port: 443}]\n')
    both.write('name.tmpl', '{{.metadata.name}} of {{.kind}}\n')
    await both.both(['create', '-f', 'web.yaml'])
  })
  afterAll(() => both.close())

  it.each(TEMPLATES)('%s', (template) => same('get', 'svc', 'web', '-o', `go-template=${template}`))
  it('of lists', () => same('get', 'svc', '-o', 'go-template={{range .items}}{{.metadata.name}} {{end}}{{.kind}}'))
  it('in a flag of its own', () => same('get', 'svc', 'web', '--template', '{{.kind}}'))
  it('in a file', () => same('get', 'svc', 'web', '-o', 'go-template-file=name.tmpl'))
  it('in a file that is not there', () => same('get', 'svc', 'web', '-o', 'go-template-file=no.tmpl'))
  it('with every key there', () => same('get', 'svc', 'web', '--allow-missing-template-keys=false', '-o', 'template={{.metadata.x}}'))
  it('without a template', () => same('get', 'svc', 'web', '-o', 'go-template'))
  it('of what is made', () => same('create', 'cm', 'x', '--dry-run=client', '-o', 'go-template={{.metadata.name}}'))
})
