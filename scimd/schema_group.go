package scimd

func groupType() *resourceType {
	return &resourceType{
		name: "Group", endpoint: "/Groups", description: "Group",
		core:   groupSchema(),
		common: commonAttributes(),
	}
}

// groupSchema is the Group of RFC 7643 §4.2.
func groupSchema() *schema {
	return &schema{urn: urnGroup, name: "Group", description: "Group", attrs: []attribute{
		{name: "displayName", required: true, uniqueness: uniqServer, description: "The name of the group."},
		{name: "members", typ: typeComplex, multi: true, description: "The users and groups in it.", sub: []attribute{
			{name: "value", caseExact: true, mutability: mutImmutable, description: "The id of the member."},
			{name: "$ref", typ: typeReference, caseExact: true, refs: []string{"User", "Group"}, mutability: mutImmutable, description: "The URI of the member."},
			{name: "type", mutability: mutImmutable, canonical: []string{"User", "Group"}, description: "What the member is."},
			{name: "display", mutability: mutReadOnly, description: "The name of the member."},
		}},
	}}
}
