const MAY_BE_ABSENT = Symbol('the body may be absent');

/** On the class of a body in which nothing is required: a request without a body then asks for the same as `{}`. */
export const MayBeAbsent = (): ClassDecorator => (body) => Reflect.defineMetadata(MAY_BE_ABSENT, true, body);

/** What is required by a class that derives from one of these is not known here: it says so itself. */
export const mayBeAbsent = (body: object): boolean => Reflect.hasOwnMetadata(MAY_BE_ABSENT, body);
