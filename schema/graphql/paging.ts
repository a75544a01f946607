import { ArgsType, type ClassType, Field, Int, ObjectType } from "type-graphql";

export const PAGE_DEFAULT = 50;
export const PAGE_LIMIT = 200;

/** Relay's cursor connections, forwards only. */
@ArgsType()
export class PageArgs {
  @Field(() => Int, { defaultValue: PAGE_DEFAULT, description: `Rows in the page, 1 to ${PAGE_LIMIT}.` })
  first!: number;

  @Field(() => String, { nullable: true, description: "`endCursor` of the page before; from the start when absent." })
  after?: string | null;
}

@ObjectType()
export class PageInfo {
  @Field(() => Boolean) hasNextPage!: boolean;
  @Field(() => String, { nullable: true, description: "Pass it as `after` for the next page; null for an empty page." }) endCursor!: string | null;
}

export interface Connection<T> { readonly edges: readonly { readonly node: T; readonly cursor: string }[]; readonly pageInfo: PageInfo }

/** Declares `<name>Connection` and `<name>Edge`. */
export function connectionOf<T extends object>(name: string, nodeType: ClassType<T>) {
  @ObjectType(`${name}Edge`)
  class Edge {
    @Field(() => nodeType) node!: T;
    @Field(() => String) cursor!: string;
  }
  @ObjectType(`${name}Connection`)
  class ConnectionType {
    @Field(() => [Edge]) edges!: readonly Edge[];
    @Field(() => PageInfo) pageInfo!: PageInfo;
  }
  return ConnectionType;
}
