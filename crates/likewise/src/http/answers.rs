//! The bodies of answers. Their fields are the API: additions only.

use std::collections::BTreeMap;

use likewise_state::id::{Kind, Like};
use likewise_state::length::CausalLength;
use serde::Serialize;
use utoipa::ToSchema;

/// What a like or unlike came to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Written)]
pub(crate) struct WrittenAnswer<'a> {
    /// The post.
    pub(crate) post: &'a str,
    /// The user.
    pub(crate) user: &'a str,
    /// The kind of the like, where it is not `like`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<&'a str>,
    /// Whether the user likes the post now; at the consistencies `quorum` and `linearizable`, after this write.
    pub(crate) liked: bool,
    /// How often the like has changed: odd is liked, even is not. Send it as `seen` with the next write. At the
    /// consistencies `quorum` and `linearizable` it is what this write came to; others may have gone on since.
    #[schema(maximum = 2_147_483_647)]
    pub(crate) version: u32,
    /// Whether this request changed anything. Absent at the consistencies `quorum` and `linearizable`: of two
    /// requests that aim at the same version at the same time, to say which one changed it takes consensus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) changed: Option<bool>,
    /// How many users like the post now. Absent at the consistencies `quorum` and `linearizable`: the write has
    /// reached a majority, and no count was read with it. Ask for the count by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) likes: Option<u64>,
}

/// Whether a user likes a post.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Like)]
pub(crate) struct LikeAnswer<'a> {
    /// The post.
    pub(crate) post: &'a str,
    /// The user.
    pub(crate) user: &'a str,
    /// The kind of the like, where it is not `like`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<&'a str>,
    /// Whether the user likes the post.
    pub(crate) liked: bool,
    /// How often the like has changed: odd is liked, even is not. Send it as `seen` with the next write.
    #[schema(maximum = 2_147_483_647)]
    pub(crate) version: u32,
}

impl<'a> LikeAnswer<'a> {
    /// The answer for a like of this length.
    pub(crate) fn new(like: Like<'a>, length: CausalLength) -> Self {
        Self {
            post: like.post.as_str(),
            user: like.user.as_str(),
            kind: unusual(like.kind),
            liked: length.liked(),
            version: length.value(),
        }
    }
}

/// How many users like a post.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Post)]
pub(crate) struct PostAnswer<'a> {
    /// The post.
    pub(crate) post: &'a str,
    /// The kind of the likes, where it is not `like`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<&'a str>,
    /// How many users like it.
    pub(crate) likes: u64,
}

/// How many users like a post, by kind.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reactions)]
pub(crate) struct ReactionsAnswer<'a> {
    /// The post.
    pub(crate) post: &'a str,
    /// The kinds that anybody likes it by, with their counts.
    pub(crate) kinds: BTreeMap<String, u64>,
}

/// A page of those who like a post.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Likers)]
pub(crate) struct LikersAnswer {
    /// The users, sorted by the bytes of their ids.
    pub(crate) users: Vec<String>,
    /// What to send as `cursor` for the next page, on any node. Null where there is none.
    #[schema(required)]
    pub(crate) next: Option<String>,
}

/// The most liked posts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Top)]
pub(crate) struct TopAnswer<'a> {
    /// The kind of the likes, where it is not `like`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<&'a str>,
    /// The posts, most likes first, equal ones sorted by id.
    pub(crate) posts: Vec<TopPost>,
}

/// One of the most liked posts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TopPost {
    /// The post.
    pub(crate) post: String,
    /// How many users like it.
    pub(crate) likes: u64,
}

/// What a feed needs to know.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Feed)]
pub(crate) struct FeedAnswer<'a> {
    /// The kind of the likes, where it is not `like`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<&'a str>,
    /// The posts in the order of the request.
    pub(crate) posts: Vec<FeedPost<'a>>,
}

/// One post of a feed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FeedPost<'a> {
    /// The post.
    pub(crate) post: &'a str,
    /// How many users like it.
    pub(crate) likes: u64,
    /// Whether the user of the query likes it. Absent where the query names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) liked: Option<bool>,
}

/// What a bulk write came to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BulkWritten)]
pub(crate) struct BulkAnswer {
    /// Lines that are done and durable.
    pub(crate) accepted: u64,
    /// Of these, the lines that changed anything.
    pub(crate) changed: u64,
    /// Lines that were not valid and did nothing.
    pub(crate) rejected: u64,
    /// The first 100 rejected lines.
    pub(crate) errors: Vec<LineError>,
}

/// Why a line was rejected.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LineError {
    /// The number of the line, the first being 1.
    pub(crate) line: u64,
    /// What was wrong, the value, and what to do.
    pub(crate) detail: String,
}

/// How many users like a post, and who, where the original interface is asked for JSON.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ClassicLikes)]
pub(crate) struct ClassicAnswer<'a> {
    /// The post.
    pub(crate) post: &'a str,
    /// The kind of the likes, where it is not `like`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<&'a str>,
    /// How many users like it.
    pub(crate) likes: u64,
    /// Who they are, where `detail` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) users: Option<Vec<String>>,
}

/// Which node this is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Node)]
pub(crate) struct NodeAnswer<'a> {
    /// The name of the node.
    pub(crate) node_name: &'a str,
}

/// How the node is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Status)]
pub(crate) struct StatusAnswer {
    /// Whether requests should be sent here.
    pub(crate) ready: bool,
    /// Whether writes are taken.
    pub(crate) writable: bool,
    /// The reason in a sentence.
    pub(crate) detail: String,
}

/// The kind as answers name it: not at all where it is the usual one.
pub(crate) fn unusual(kind: Kind<'_>) -> Option<&str> {
    (!kind.is_like()).then(|| kind.as_str())
}
