/** What both kubectls are told about custom resources, one command after the other. */
export const FILES: Record<string, string> = {
  'crd.yaml': `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: networkpolicies.crd.example.org
spec:
  group: crd.example.org
  scope: Namespaced
  names: {kind: NetworkPolicy, plural: networkpolicies, singular: networkpolicy, shortNames: [cnp], categories: [all, podhop]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .status.selector}
    selectableFields: [{jsonPath: .spec.mode}]
    additionalPrinterColumns:
    - {name: Mode, type: string, jsonPath: .spec.mode}
    - {name: Ready, type: string, jsonPath: '.status.conditions[?(@.type=="Ready")].status'}
    - {name: Replicas, type: integer, jsonPath: .spec.replicas, priority: 1}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [mode]
            properties:
              mode: {type: string, enum: [allow, deny], default: allow}
              replicas: {type: integer, minimum: 0, maximum: 10}
              cidr: {type: string, format: cidr, maxLength: 20}
              name: {type: string, pattern: '^[a-z]+$'}
              tags: {type: array, x-kubernetes-list-type: set, items: {type: string}}
              rules:
                type: array
                maxItems: 2
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items: {type: object, required: [name], properties: {name: {type: string}, port: {x-kubernetes-int-or-string: true}}}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true}
          status:
            type: object
            properties:
              replicas: {type: integer}
              selector: {type: string}
              conditions: {type: array, items: {type: object, properties: {type: {type: string}, status: {type: string}}}}
  - name: v1beta1
    served: true
    storage: false
    deprecated: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`,
  'cr.yaml': `
apiVersion: crd.example.org/v1
kind: NetworkPolicy
metadata: {name: one}
spec: {replicas: 3, cidr: 10.0.0.0/8, rules: [{name: a, port: 80}, {name: b, port: http}], free: {x: {z: 1}}}
`,
  'cr2.yaml': `
apiVersion: crd.example.org/v1
kind: NetworkPolicy
metadata: {name: one, labels: {a: b}}
spec: {replicas: 5, rules: [{name: c, port: 81}], free: {w: 2}}
`,
  'typo.yaml': `
apiVersion: crd.example.org/v1
kind: NetworkPolicy
metadata: {name: two, lables: {a: b}}
spec: {replcas: 5, rules: [{name: c, prt: 81}]}
`,
  'wrong.yaml': `
apiVersion: crd.example.org/v1
kind: NetworkPolicy
metadata: {name: two}
spec: {replicas: many, cidr: 1, rules: {}}
`,
  'beta.yaml': `
apiVersion: crd.example.org/v1beta1
kind: NetworkPolicy
metadata: {name: old}
spec: {mode: deny, anything: 1}
`,
  'nothing.yaml': `
apiVersion: crd.example.org/v2
kind: NetworkPolicy
metadata: {name: old}
`,
  'bad.yaml': `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: foos.example.com
spec:
  group: example.com
  scope: Everywhere
  names: {kind: Foo, plural: foo}
  versions:
  - name: V1
    served: true
    storage: false
    additionalPrinterColumns: [{name: A, type: text, jsonPath: spec.a}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            properties: {a: {type: array}, b: {type: text}}
`,
}

export const COMMANDS: readonly string[] = `
get crd
apply -f crd.yaml
get crd
get crd -o wide
get crd networkpolicies.crd.example.org -o yaml
wait --for=condition=Established crd/networkpolicies.crd.example.org
wait --for=condition=Established --timeout=1s crd networkpolicies.crd.example.org
api-resources --api-group=crd.example.org
api-resources --api-group=crd.example.org -o wide
api-resources --api-group=apiextensions.k8s.io -o wide
api-versions
get cnp
apply -f cr.yaml
apply -f cr.yaml
get networkpolicies
get networkpolicies.crd.example.org
get networkpolicies.v1.crd.example.org
get networkpolicy.crd.example.org/one
get cnp/one -o name
get cnp -o wide
get cnp -A
get cnp one -o yaml
get cnp one -o json --show-managed-fields
get cnp --show-labels
get networkpolicies.v1beta1.crd.example.org one -o jsonpath={.apiVersion}
get podhop
get all
describe cnp one
describe networkpolicies.crd.example.org
apply -f cr2.yaml
get cnp one -o yaml
apply -f cr2.yaml --dry-run=server
apply -f cr2.yaml --dry-run=client -o yaml
patch cnp one -p '{"spec":{"replicas":4}}'
patch cnp one --type=merge -p '{"spec":{"replicas":4}}'
patch cnp one --type=merge -p '{"spec":{"replicas":4}}'
patch cnp one --type=json -p '[{"op":"replace","path":"/spec/replicas","value":6}]'
patch cnp one --type=merge -p '{"spec":{"unknown":1}}'
patch cnp one --type=merge -p '{"spec":{"replicas":40,"cidr":"x"}}'
apply -f typo.yaml
create -f typo.yaml
create -f typo.yaml --validate=warn
get cnp two -o yaml
delete cnp two
apply -f wrong.yaml
apply -f beta.yaml
get cnp old -o yaml
apply -f nothing.yaml
get cnp --field-selector spec.mode=allow
get cnp --field-selector spec.mode!=allow -o name
get cnp --field-selector spec.foo=allow
get cnp -l a=b
scale cnp one --replicas=7
get cnp one -o jsonpath={.spec.replicas}
label cnp one c=d
annotate cnp one e=f
apply --server-side -f cr.yaml
apply --server-side -f cr.yaml --force-conflicts
apply --server-side -f typo.yaml
patch cnp one --subresource=status --type=merge -p '{"status":{"replicas":2,"conditions":[{"type":"Ready","status":"True"}]},"spec":{"replicas":1}}'
get cnp
wait --for=condition=Ready cnp/one
wait --for=jsonpath={.status.replicas}=2 cnp/one
get cnp --sort-by=.spec.replicas
get networkpolicies.v2.crd.example.org
get networkpolicies.example.org
rollout status cnp/one
rollout history cnp/one
rollout restart cnp/one
rollout undo cnp/one
rollout pause cnp/one
expose cnp one --port=80
logs cnp/one
set image cnp/one a=b
set env cnp/one A=b
set resources cnp/one --limits=cpu=1
get networkpolicies.crd.example.org,configmaps
get cnp nothing
delete cnp nothing
describe cnp nothing
replace -f cr.yaml
label cnp --all x=y
annotate cnp one e-
get cnp -o custom-columns=NAME:.metadata.name,R:.spec.replicas
describe crd networkpolicies.crd.example.org
delete cnp one
delete networkpolicies.crd.example.org --all
delete crd networkpolicies.crd.example.org
get cnp
get crd
apply -f bad.yaml
create -f bad.yaml
`.trim().split('\n')
