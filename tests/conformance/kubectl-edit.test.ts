import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findKubectl } from './kubectl/find-kubectl.ts'
import { type Outcome, TwoClusters } from './kubectl/two-clusters.ts'

const REAL = findKubectl()

const WEB = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 0
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - {name: a, image: 'nginx:1', ports: [{containerPort: 80}]}
      - {name: b, image: 'nginx:1'}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: one}
data: {a: "1", "b": "2"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: two}
data: {a: "1"}
`

/** Editors that are scripts: the file's path is their last argument. `show` also tells what was in it. */
const FILES: Record<string, string> = {
  'web.yaml': WEB,
  'one.yaml': WEB.split('---')[0]!,
  'show.sh': 'cat "$1"\n',
  'reorder.sh': 'sed -i -e "s/name: a$/name: x/" -e "s/name: b$/name: a/" -e "s/name: x$/name: b/" "$1"\n',
  // breaks it at first, shows what comes back, and mends it
  'mend.sh': 'if grep -q "was not valid" "$1"; then cat "$1"; sed -i "s/replicas: -1/replicas: 0/; s/terminationGracePeriodSeconds: 30/terminationGracePeriodSeconds: 31/" "$1"; else sed -i "s/replicas: 0/replicas: -1/" "$1"; fi\n',
  'broken.sh': 'if grep -q "was not valid" "$1"; then cat "$1"; else echo "  : : [" >> "$1"; fi\n',
  'kindless.sh': 'if grep -q "was not valid" "$1"; then cat "$1"; else sed -i /^kind:/d "$1"; fi\n',
  'unknown.sh': 'if grep -q "^# Please" "$1" && ! grep -q nonsense "$1"; then sed -i "s/^data:/nonsense: 1\\ndata:/" "$1"; else cat "$1"; fi\n',
  'empty.sh': 'if test -s "$1"; then : > "$1"; else cat "$1"; fi\n',
  'comments.sh': 'if grep -q Please "$1"; then echo "# nothing" > "$1"; else cat "$1"; fi\n',
}

/** What the editor is (several objects at once need an OpenAPI v2 that the served API has not), and the words after "kubectl edit". */
const CASES: [editor: string, args: string][] = [
  ['true', 'deployment web'],
  ['sh show.sh', 'deployment web'],
  ['sh show.sh', 'cm one -o json'],
  ['sed -i s/nginx:1/nginx:2/', 'deployment/web --output-patch'],
  ["sed -i 's/nginx:2/nginx:3/'", 'deploy/web -o yaml'],
  ['sed -i s/containerPort:.80/containerPort:\x2081/', 'deploy/web --output-patch'],
  ['sh reorder.sh', 'deploy/web --output-patch'],
  ['sed -i s/RollingUpdate/Recreate/;/rollingUpdate/d;/maxSurge/d;/maxUnavailable/d', 'deploy/web --output-patch'],
  ['sed -i s/^..a:.*/\x20\x20a:\x20x/', 'cm one --output-patch'],
  ['sed -i /b:/d', 'cm one --output-patch -o name'],
  ['sed -i s/^..a:/\x20\x20c:/', 'cm one --output-patch --save-config'],
  ['sed -i s/.c.:/\x22d\x22:/', 'cm one -o json --output-patch'],
  ['false', 'cm one'],
  ['no-such-editor -w', 'cm one'],
  ['/no/such/editor', 'cm one'],
  ['sh mend.sh', 'deploy web --output-patch'],
  ['sed -i s/revisionHistoryLimit:\\s10/revisionHistoryLimit:\\x20-10/', 'deploy web'],
  ['sh broken.sh', 'cm one'],
  ['sh kindless.sh', 'cm one'],
  ['sh unknown.sh', 'cm one'],
  ['sh unknown.sh', 'cm one --validate=warn'],
  ['sh unknown.sh', 'cm two --validate=false'],
  ['sh empty.sh', 'cm one'],
  ['sh comments.sh', 'cm one'],
  ['sed -i s/name:.one/name:\\x20other/', 'cm one'],
  ['sed -i s/namespace:.default/namespace:\\x20other/', 'cm one'],
  ['sed -i s/uid:.*/uid:\\x20none/', 'cm one'],
  ['sed -i s/resourceVersion:.*/resourceVersion:\\x20"1"/', 'cm one'],
  ['true', 'cm nothing'],
  ['true', 'cm one nothing'],
  ['true', 'secrets'],
  ['true', 'nonsense'],
  ['true', ''],
  ['true', 'cm one -o name'],
  ['true', 'cm one -o wide'],
  ['true', 'cm one --validate=x'],
  ['sed -i s/nginx/httpd/', '-f one.yaml'],
  ['sed -i s/Active/Terminating/', 'namespace default --output-patch'],
]

/** The names of temporary files are chance. */
function nameless({ stdout, stderr, code }: Outcome): Outcome {
  const clean = (text: string): string => text.replace(/kubectl-edit-\d+\./g, 'kubectl-edit-XXXXX.')
  return { stdout: clean(stdout), stderr: clean(stderr), code }
}

describe.skipIf(!REAL)('kubectl edit does what that of kubectl 1.33 does', () => {
  let both: TwoClusters

  beforeAll(async () => {
    both = new TwoClusters(REAL!)
    await both.open()
    for (const [name, content] of Object.entries(FILES)) both.write(name, content)
    await both.both(['apply', '-f', 'web.yaml'])
    both.wait(2000)
  })
  afterAll(() => both.close())

  it.each(CASES)('KUBE_EDITOR=%j kubectl edit %s', async (editor, args) => {
    const { ours, real } = await both.both(['edit', ...args.split(' ').filter((word) => word !== '')], '', { KUBE_EDITOR: editor })
    expect(nameless(ours)).toEqual(nameless(real))
  })
})
